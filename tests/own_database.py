"""A database of its own for a test whose data must really be committed: threads, workers, listeners.

It is a copy of the migrated test database, and Django's connections lead there while the test runs.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator

import psycopg
from django.db import connection, connections
from psycopg import sql

_numbers = itertools.count(1)


@contextlib.contextmanager
def copied() -> Iterator[str]:
    """The connection string of the copy. The migrated database must exist, and nobody may be using it."""
    template = connection.settings_dict["NAME"]
    name = f"{template}_{os.getpid()}_{next(_numbers)}"
    connections.close_all()
    with psycopg.connect(conninfo(dbname="postgres"), autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            connection.settings_dict["NAME"] = name
            yield conninfo(dbname=name)
        finally:
            connections.close_all()
            connection.settings_dict["NAME"] = template
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def conninfo(*, dbname: str) -> str:
    parameters = connection.get_connection_params()
    known = {name: parameters.get(name) for name in ("host", "port", "user", "password")}
    return psycopg.conninfo.make_conninfo("", dbname=dbname, **known)

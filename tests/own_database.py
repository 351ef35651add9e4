"""A database of its own for tests whose data must really be committed: threads, workers, listeners.

It is a copy of the migrated test database. Django's connections lead there for the length of one test, which
finds the tables of our apps empty.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator

import psycopg
from django.apps import apps
from django.db import connection, connections
from django.db.backends.base.creation import TEST_DATABASE_PREFIX
from psycopg import sql

from tests import migrated_database

_numbers = itertools.count(1)
APPS = ("catalog", "metering", "proxy")


@contextlib.contextmanager
def copied(suffix: str) -> Iterator[str]:
    """The name of the copy. Nobody may be using the migrated test database at this moment."""
    with _migrated() as template, psycopg.connect(conninfo(dbname="postgres"), autocommit=True) as server:
        name = f"{template}_{suffix}_{os.getpid()}_{next(_numbers)}"
        connections.close_all()
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield name
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def used(name: str) -> Iterator[str]:
    """Django's connections lead to ``name``; gives its connection string. Emptied afterwards."""
    before = connection.settings_dict["NAME"]
    connections.close_all()
    connection.settings_dict["NAME"] = name
    try:
        yield conninfo(dbname=name)
        empty()
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = before


@contextlib.contextmanager
def _migrated() -> Iterator[str]:
    """The name of the test database; pytest-django makes one only when a test asks for ``db``."""
    name = connection.settings_dict["NAME"]
    if name.startswith(TEST_DATABASE_PREFIX):
        yield name
        return
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated_database.ensure()
    made = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield made
    finally:
        connections.close_all()
        connection.creation.destroy_test_db(name, verbosity=0)


def conninfo(*, dbname: str) -> str:
    parameters = connection.get_connection_params()
    known = {name: parameters.get(name) for name in ("host", "port", "user", "password")}
    return psycopg.conninfo.make_conninfo("", dbname=dbname, **known)


def empty() -> None:
    """Delete everything, the ledger too: for this moment its triggers are off."""
    ours = [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in APPS]
    tables = [sql.Identifier(model._meta.db_table) for model in ours if model._meta.managed]
    with psycopg.connect(conninfo(dbname=connection.settings_dict["NAME"])) as owner:
        for statement in (
            "ALTER TABLE {} DISABLE TRIGGER USER",
            "DELETE FROM {}",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "ALTER TABLE {} ENABLE TRIGGER USER",
        ):
            for table in tables:
                owner.execute(sql.SQL(statement).format(table))

"""A pytest plugin (loaded with ``-p``): real PostgreSQL before Django's settings are read.

With DATABASE_URL set the tests use that server; otherwise the embedded one, in a directory of its own, so
that tests never meet the data of ``make serve``.
"""

import os

import psycopg

from gateway_project import embedded_postgres, env


def _hurry(url: str) -> None:
    """The suite makes and drops some hundred databases, and would wait for the disk most of its time: nothing
    in this server need survive a power cut. Servers that tests kill are others (tests.live.outages)."""
    with psycopg.connect(url, autocommit=True) as server:
        for name in ("fsync", "full_page_writes"):
            server.execute(f"ALTER SYSTEM SET {name} = off")
        server.execute("SELECT pg_reload_conf()")


if not os.environ.get("DATABASE_URL"):
    os.environ["DATABASE_URL"] = embedded_postgres.ensure_running(env.var_dir() / "postgres-tests")
    _hurry(os.environ["DATABASE_URL"])
os.environ.setdefault("SECRET_KEY", "tests-only-not-a-secret-0123456789abcdef")

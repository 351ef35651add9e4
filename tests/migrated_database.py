"""One migrated database, of which the test databases and those of the live houses are copies.

To migrate takes over ten seconds of CPU, to copy takes none; a run has a test database and a house in each of
its processes. It is kept between runs, under a name that says what was migrated.
"""

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[1]
LOCK = 814_900  # advisory: one process makes it, the others wait
PREFIX = "migrated_"
SOURCES = ("*/migrations/*.py", "*/apps.py", "requirements.txt")


@cache
def ensure() -> str:
    """Its name, on the server of DATABASE_URL; made when it is not there."""
    url = os.environ["DATABASE_URL"]
    name = f"{PREFIX}{_fingerprint()}"
    with psycopg.connect(_leading_to(url, "postgres"), autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        found = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        there = {row[0] for row in found}
        if name not in there:
            for old in there:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(old)))
            _make(server, url, name)
    return name


def _make(server: psycopg.Connection, url: str, name: str) -> None:
    """Under another name until it is whole."""
    half = f"{PREFIX}in_the_making"
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(half)))
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": _leading_to(url, half)},
        check=True,
        timeout=300,
    )
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    server.execute(rename.format(sql.Identifier(half), sql.Identifier(name)))


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _leading_to(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()

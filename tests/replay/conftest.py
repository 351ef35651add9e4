"""The replaying vendor and a gateway that sells every recording, started once for all tests here."""

import datetime as dt
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from django.conf import settings

from tests import migrated_database
from tests.live.house import ROOT, Databases, House, Vendors, environment, free_port, run_manage, until
from tests.replay import shelves
from tests.replay.gathering import Gathered


@pytest.fixture(scope="session")
def replay() -> Iterator[str]:
    """The address of the replaying vendor."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "tests.replay.upstream", str(port)], cwd=ROOT)

    def ready() -> bool:
        assert process.poll() is None, f"the replaying vendor ended with {process.returncode}"
        try:
            return httpx2.get(f"{url}/ready").status_code == 200
        except httpx2.TransportError:
            return False

    try:
        until(ready, seconds=20, what="the replaying vendor to listen")
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def gateway(replay: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway with a model for each recording."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    folder: Path = tmp_path_factory.mktemp("replay")
    databases = Databases(os.environ["DATABASE_URL"])
    name = databases.create(template=migrated_database.ensure())
    told = {"TALLYGATE_VAR": str(folder / "var"), "SECRET_KEY": settings.SECRET_KEY}
    env = environment(DATABASE_URL=databases.url(name), **told)
    vendors = Vendors(replay)
    try:
        key = _configured(env, shelves.declaration(replay=replay, at=dt.datetime.now(dt.UTC)))
        house = House(
            database_url=databases.url(name), vendors=vendors, key=key, folder=folder, workers=1, env=told
        )
        try:
            yield house.start()
        finally:
            house.close()
    finally:
        vendors.close()
        databases.drop(name)


def _configured(env: dict[str, str], toml: str) -> str:
    """The migrated database gets the catalog; returns a key."""
    done = run_manage("apply", "-", env=env, stdin=toml)
    assert done.returncode == 0, done.stdout + done.stderr
    return run_manage("create_key", "--team", "replay", "--name", "all", env=env).stdout.strip()


@pytest.fixture(scope="session")
def gathered(gateway: House, replay: str) -> Gathered:
    return Gathered(house=gateway, replay=replay)


@pytest.fixture(scope="session")
def vendor_client() -> Iterator[httpx2.Client]:
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with httpx2.Client(timeout=10.0) as client:
        yield client

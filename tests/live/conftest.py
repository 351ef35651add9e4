"""The processes that the live tests share: one sandbox, one template database, a house for each module."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from django.conf import settings

from tests import migrated_database
from tests.live.house import Databases, House, Program, Vendors, environment, free_port, run_manage, until

CONFIGURATION = """
[[providers]]
name = "openai"
kind = "openai"
base_url = "SANDBOX/v1"
api_key = "sk-openai-of-the-gateway"

[[providers]]
name = "anthropic"
kind = "anthropic"
base_url = "SANDBOX"
api_key = "sk-anthropic-of-the-gateway"

[[providers]]
name = "gemini"
kind = "gemini"
base_url = "SANDBOX"
api_key = "gemini-of-the-gateway"

[[providers]]
name = "local"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
api_key = "local-of-the-gateway"

[[models]]
provider = "openai"
name = "gpt-4o"
context_window = 128000
max_output_tokens = 16384
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "2.50"
output = "10.00"
cache_read = "1.25"

[[models]]
provider = "anthropic"
name = "claude-haiku-4-5"
context_window = 200000
max_output_tokens = 64000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "5.00"

[[models]]
provider = "gemini"
name = "gemini-2.5-flash"
context_window = 1048576
max_output_tokens = 65536
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.30"
output = "2.50"

[[models]]
provider = "local"
name = "llama"
context_window = 8192
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.05"
output = "0.08"

[[models]]
provider = "local"
name = "unpriced"
context_window = 8192
max_output_tokens = 4096

[[teams]]
name = "search"
models = ["*"]
"""

NewHouse = Callable[..., House]


@pytest.fixture(scope="session", autouse=True)
def _quiet_clients() -> None:
    logging.getLogger("httpx2").setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def databases() -> Databases:
    return Databases(os.environ["DATABASE_URL"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="session")
def settings_of_houses(folder: Path) -> dict[str, str]:
    """What every process of the houses is told; the test process can read what they encrypt."""
    return {"TALLYGATE_VAR": str(folder / "var"), "SECRET_KEY": settings.SECRET_KEY}


@pytest.fixture(scope="session")
def vendors_of_session(folder: Path, settings_of_houses: dict[str, str]) -> Iterator[Vendors]:
    port = free_port()
    program = Program(
        "sandbox", "--port", str(port), env=environment(**settings_of_houses), log=folder / "sandbox.log"
    )
    vendors = Vendors(f"http://127.0.0.1:{port}")
    try:
        program.wait_for(lambda: "listening" in program.output, "the sandbox to listen")
        yield vendors
    finally:
        vendors.close()
        program.stop()


@pytest.fixture
def vendors(vendors_of_session: Vendors) -> Iterator[Vendors]:
    """The sandbox without rules and with an empty log."""
    vendors_of_session.reset()
    yield vendors_of_session
    vendors_of_session.reset()


@pytest.fixture(scope="session")
def configured(
    databases: Databases, vendors_of_session: Vendors, settings_of_houses: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """A database with all migrations and CONFIGURATION, and a key of its team."""
    name = databases.create(template=migrated_database.ensure())
    env = environment(DATABASE_URL=databases.url(name), **settings_of_houses)
    toml = CONFIGURATION.replace("SANDBOX", vendors_of_session.base_url)
    try:
        done = run_manage("apply", "-", env=env, stdin=toml)
        assert done.returncode == 0, done.stdout + done.stderr
        key = run_manage("create_key", "--team", "search", "--name", "first", env=env).stdout.strip()
        yield name, key
    finally:
        databases.drop(name)


@pytest.fixture(scope="session")
def new_house(
    databases: Databases,
    configured: tuple[str, str],
    vendors_of_session: Vendors,
    folder: Path,
    settings_of_houses: dict[str, str],
) -> Callable[..., House]:
    """Makes a house in a database of its own; ``close`` and ``databases.drop`` are the caller's."""
    _, key = configured

    def make(*, name: str, workers: int = 2, env: Mapping[str, str] = {}) -> House:
        return House(
            database_url=databases.url(name),
            vendors=vendors_of_session,
            key=key,
            folder=folder,
            workers=workers,
            env={**settings_of_houses, **env},
        )

    return make


@pytest.fixture(scope="module")
def house_of_module(
    request: pytest.FixtureRequest, databases: Databases, configured: tuple[str, str], new_house: NewHouse
) -> Iterator[House]:
    """A running gateway; a module's CONFIGURATION is applied on top of the common one before it starts, and
    its ENVIRONMENT is told to the gateway."""
    name = databases.create(template=configured[0])
    house = new_house(name=name, env=getattr(request.module, "ENVIRONMENT", {}))
    try:
        more = getattr(request.module, "CONFIGURATION", "")
        if more:
            house.apply(more)
        yield house.start()
    finally:
        house.close()
        databases.drop(name)


@pytest.fixture
def house(house_of_module: House, vendors: Vendors) -> Iterator[House]:
    """The module's gateway with well-behaved vendors; whatever a test did, no hold stays open."""
    yield house_of_module
    vendors.reset()
    until(lambda: not house_of_module.open_holds(), seconds=15, what="no open hold")
    house_of_module.forgive()

from collections.abc import Iterator
from typing import Any

import pytest

from tests import own_database


@pytest.fixture(scope="session")
def _copy(django_db_setup: Any, django_db_blocker: Any) -> Iterator[str]:
    with django_db_blocker.unblock(), own_database.copied("proxy") as name:
        yield name


@pytest.fixture
def own(_copy: str, django_db_blocker: Any) -> Iterator[str]:
    """The connection string of a database where commits are real; nobody else uses it during this test."""
    with django_db_blocker.unblock(), own_database.used(_copy) as conninfo:
        yield conninfo

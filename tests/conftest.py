"""How the suite is spread over processes, and where its databases come from.

It is spread by file, but for folders whose files share one expensive house.
"""

from typing import Any

import pytest
from django.db import connection

from tests import migrated_database

TOGETHER = ("tests/replay/",)  # a gateway that sells every recording, and what it answered


def unit_of(nodeid: str) -> str:
    """The tests that run in one process, after one another."""
    for folder in TOGETHER:
        if nodeid.startswith(folder):
            return folder
    return nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist nothing is spread
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByUnit(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    return ByUnit(config, log)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    connection.settings_dict["TEST"]["TEMPLATE"] = migrated_database.ensure()

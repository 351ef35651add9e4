"""The checks run against the same processes as the live tests."""

from tests.live.conftest import *  # noqa: F403 - fixtures are found by their names

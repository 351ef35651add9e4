"""OpenAI's Agents SDK through the gateway: loops with two tools (suites/agents_suite.py)."""

from pathlib import Path

import pytest

from tests.live.clients import apart
from tests.live.house import House

pytestmark = pytest.mark.live

EACH = 6  # two surfaces, a model of each of three vendors


def test_the_loops_of_all_vendors_on_both_surfaces(house: House, tmp_path: Path) -> None:
    env = {"GATEWAY_URL": house.url, "GATEWAY_KEY": house.key}
    results = apart.run_suite("agents_suite", env=env, report=tmp_path / "agents.xml")
    for result in results.values():
        result.check()
    assert {name: len(result.passed) for name, result in results.items()} == {
        "TestTwoTools": 5 * EACH,
        "TestStructuredOutput": 2 * EACH,
    }
    assert not house.sql("SELECT 1 FROM metering_costentry WHERE cost IS NULL")

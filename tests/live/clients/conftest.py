"""The books are looked at after whatever a client did."""

from collections.abc import Iterator

import pytest

from tests.live.house import House, Row, until

collect_ignore = ["suites"]  # for another environment: see apart.py
UNMETERED = ("/count_tokens", ":countTokens", "/input_tokens")  # what the vendors charge nothing for


@pytest.fixture(autouse=True)
def _books(house: House) -> Iterator[None]:
    """Whatever a client does: each call that a vendor saw has one row, and the other way round."""
    before = rows(house)
    yield
    calls = len(metered(house))
    until(lambda: rows(house) - before >= calls, seconds=15, what=f"{calls} rows")
    assert rows(house) - before == calls


def metered(house: House) -> list[Row]:
    """What the vendors were asked that costs money."""
    return [call for call in house.vendors.calls() if not call["path"].endswith(UNMETERED)]


def rows(house: House) -> int:
    [row] = house.sql("SELECT count(*) AS rows FROM metering_costentry")
    count: int = row["rows"]
    return count

"""manage.py verify_ledger: quiet on good books; names the number that was tampered with and exits 1."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from metering import verification
from tests.metering import house as h
from tests.metering.house import House


def verify(**options: int) -> tuple[int, list[str]]:
    """(exit status, lines)."""
    out = io.StringIO()
    try:
        call_command("verify_ledger", stdout=out, **options)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue().splitlines()
    return 0, out.getvalue().splitlines()


def tamper(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount == 1


@pytest.fixture
def _a_day_of_calls(house: House) -> None:
    """One call settled, one of unknown cost, one still open, under one budget."""
    window = h.opened(house, "10")
    settled, unknown, still_open = (h.hold(house, window) for _ in range(3))
    h.admit(settled, unknown, still_open)
    h.settle(
        h.settled_hold(settled, house, tokens={"input": 40, "output": 10}, cost="0.02"),
        h.settled_hold(unknown, house, exposure="0.60", exposure_tokens=150),
    )


@pytest.mark.usefixtures("_a_day_of_calls")
def test_good_books_have_no_difference() -> None:
    assert verify() == (0, ["2 entries, 1 windows, 1 open holds: 0 differences"])


@pytest.mark.django_db
def test_empty_books_have_no_difference() -> None:
    assert verify() == (0, ["0 entries, 0 windows, 0 open holds: 0 differences"])


@pytest.mark.usefixtures("_a_day_of_calls")
@pytest.mark.parametrize(
    ("column", "value", "kept", "ledger"),
    [("held", "0.5", "0.500000000000", "0.600000000000"),
     ("spent", "0.019999999999", "0.019999999999", "0.020000000000"),
     ("exposed", "0", "0.000000000000", "0.600000000000")],
)  # fmt: skip
def test_a_window_that_says_something_else_is_found(column: str, value: str, kept: str, ledger: str) -> None:
    tamper(f"UPDATE metering_limitwindow SET {column} = {value}")

    status, (difference, summary) = verify()

    assert status == 1
    assert difference.startswith(f"{column}: limit ")
    assert difference.endswith(f", window from 2026-11-01 00:00: kept {kept}, ledger {ledger}")
    assert summary == "2 entries, 1 windows, 1 open holds: 1 differences"


@pytest.mark.usefixtures("_a_day_of_calls")
@pytest.mark.parametrize("column", verification.SUMS)
def test_a_daily_number_that_says_something_else_is_found(column: str) -> None:
    tamper(f"UPDATE metering_dailyspend SET {column} = {column} + 1")

    report = verification.verify()

    assert [(found.what, found.kept - found.ledger) for found in report.differences] == [
        (f"daily {column}", 1)
    ]


@pytest.mark.usefixtures("_a_day_of_calls")
def test_a_daily_row_that_is_gone_is_found() -> None:
    tamper("DELETE FROM metering_dailyspend")

    found = {
        difference.what: (difference.kept, difference.ledger)
        for difference in verification.verify().differences
    }

    assert found["daily calls"] == (None, 2)


@pytest.mark.usefixtures("_a_day_of_calls")
def test_a_daily_row_that_no_entry_explains_is_found() -> None:
    tamper(
        'INSERT INTO metering_dailyspend SELECT (jsonb_populate_record(d, \'{"id": 0, "route": "x"}\')).*'
        " FROM metering_dailyspend d"
    )

    found = {
        difference.what: (difference.kept, difference.ledger)
        for difference in verification.verify().differences
    }

    assert found["daily calls"] == (2, None)


@pytest.mark.usefixtures("_a_day_of_calls")
def test_a_hold_that_vanished_is_found() -> None:
    tamper("DELETE FROM metering_hold")

    status, lines = verify()

    assert status == 1
    assert lines[0].startswith("held: ")
    assert lines[0].endswith("kept 0.600000000000, ledger 0")


def test_a_hold_on_a_window_that_is_gone_is_found(house: House) -> None:
    window = h.opened(house, "10")
    call = h.hold(house, window)
    h.admit(call)
    tamper("DELETE FROM metering_limitwindow")

    status, lines = verify()

    assert status == 1
    where = f"request {call['hold']['request_id']}, window {window}"
    assert lines[0] == f"hold on a missing window: {where}: kept 0.600000000000, ledger None"


@pytest.mark.usefixtures("_a_day_of_calls")
def test_only_so_many_differences_are_printed_and_all_are_counted() -> None:
    tamper("DELETE FROM metering_dailyspend")

    status, lines = verify(most=2)

    assert (status, len(lines)) == (1, 3)
    assert lines[-1].endswith(f"{len(verification.SUMS)} differences")


def test_it_only_reads_and_sees_one_moment(own: str, own_house: House) -> None:
    h.settle(h.entry(own_house, tokens={}, cost="1"))

    with connection.execute_wrapper(lambda run, query, *rest: (seen.append(query), run(query, *rest))[1]):
        seen: list[str] = []
        verification.verify()

    assert seen[0] == "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

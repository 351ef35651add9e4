"""``manage.py reconcile`` and ``import_vendor_costs``: words, sums that add up, and exit codes."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from metering.reconciliation.readers.files import File
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation.conftest import OCTOBER, Books

MONTH = ("reconcile", "--provider", "openai", "--month")


def told(*arguments: str) -> str:
    """What it prints; its error, where it ends with one, is the last line."""
    out = io.StringIO()
    try:
        call_command(*arguments, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error.returncode}: {error}"
    return out.getvalue()


def saved(folder: Path, files: list[File]) -> list[str]:
    for file in files:
        (folder / file.name).write_bytes(file.data)
    return [str(folder / file.name) for file in files]


def test_a_month_without_calls_and_reports_is_no_failure(openai: Books) -> None:
    lines = told(*MONTH, "2026-09").splitlines()

    assert "0 days without a report" in lines[-2]
    assert lines[-1] == "nothing to compare"


def test_ours_of_days_without_a_report_is_apart_from_what_the_gap_is_of(openai: Books) -> None:
    bill = openai.bill()
    bill.last = OCTOBER.replace(day=5)
    bill.use(3, "gpt-4o", "output", 10_000)
    openai.compare(bills.openai(bill))

    lines = told(*MONTH, "2026-10").splitlines()

    assert lines[-2] == (
        "ours on reported days 23.55, and 9.42 on days without a report, vendor's 23.65, gap 0.1,"
        " open (absolute) 0.1, tolerance 1 USD; 26 lines, 2 days without a report, 0 entries of unknown cost"
    )
    assert lines[-1] == "2: days with calls have no report of the vendor"


def test_rows_end_with_words_or_with_nothing(openai: Books) -> None:
    text = "day,model,token_type,quantity,cost_usd\n2026-10-03,gpt-4o,,,4.00\n2026-10-03,gpt-4o-mini,,,0.21\n"
    openai.compare([File("invoice.csv", text.encode())])

    rows = [line for line in told(*MONTH, "2026-10", "--rows").splitlines() if line.startswith("2026-10-")]

    assert rows[0] == "2026-10-01 gpt-4o cache_read: - USD, unreported"
    assert [row for row in rows if row.startswith("2026-10-03")] == [
        "2026-10-03 gpt-4o all: -0.5 USD, open: nothing that is known explains it; no report tells the"
        " quantity: import the vendor's usage to tell usage from price"
    ]


def test_usage_without_costs_is_said_to_lack_them(openai: Books) -> None:
    usage = b"day,model,token_type,quantity,cost_usd\n2026-09-03,gpt-4o,input,7,\n"
    openai.compare([File("u.csv", usage)])

    assert told(*MONTH, "2026-09").splitlines()[-1] == "2: no report of the vendor tells what was charged"


@pytest.mark.usefixtures("openai")
def test_an_import_says_that_the_open_sum_has_no_sign(tmp_path: Path) -> None:
    text = "day,model,token_type,quantity,cost_usd\n" + "".join(
        f"2026-10-0{day},gpt-4o,,,{'4.58' if day == 3 else '4.25' if day == 5 else '4.50'}\n"
        f"2026-10-0{day},gpt-4o-mini,,,0.21\n"
        for day in range(1, 8)
    )

    shown = told(
        "import_vendor_costs", "--provider", "openai", *saved(tmp_path, [File("i.csv", text.encode())])
    )

    assert shown.splitlines()[-1] == "2026-10: matched, gap -$0.17, open (absolute) $0.33"


@pytest.mark.usefixtures("openai")
@pytest.mark.parametrize(
    ("days", "said"),
    [
        (["2026-10-03"], "1 line read; comparing 1 month ..."),
        (["2026-09-30", "2026-10-01"], "2 lines read; comparing 2 months ..."),
    ],
)
def test_an_import_says_how_far_it_is_before_it_compares(tmp_path: Path, days: list[str], said: str) -> None:
    text = "day,model,token_type,quantity,cost_usd\n" + "".join(f"{day},gpt-4o,,,4.50\n" for day in days)

    shown = told(
        "import_vendor_costs", "--provider", "openai", *saved(tmp_path, [File("i.csv", text.encode())])
    )

    assert shown.splitlines()[0] == said

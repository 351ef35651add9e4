"""``manage.py focus``."""

import hashlib
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from tests.metering.focus.conftest import Market, written


def focus(*arguments: str) -> tuple[str, str]:
    """What it says: on the standard output, and beside it."""
    out, beside = io.StringIO(), io.StringIO()
    call_command("focus", "--month", "2026-10", *arguments, stdout=out, stderr=beside)
    return out.getvalue(), beside.getvalue()


def test_a_file_and_its_sidecar(market: Market, tmp_path: Path) -> None:
    market.book()
    market.book(model=market.unpriced, price=None, exposure=Decimal("0.60"))
    file = tmp_path / "october.csv"

    said, _ = focus("--version", "1.4", "--billed-cost", "zero", "-o", str(file))

    assert file.read_text() == written(version="1.4", billed_cost="zero")
    sidecar = json.loads((tmp_path / "october.csv.json").read_text())
    assert sidecar["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (sidecar["file"], sidecar["rows"]) == ("october.csv", 2)
    assert sidecar["left_out"]["entries_of_unknown_cost"] == 1
    assert said == (
        f"{file}: 2 rows, 3.5 USD, which is what the ledger says."
        " 1 of unknown cost is left out: at most 0.6 USD\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["october.csv", "october.csv.json"]


def test_csv_to_the_standard_output(market: Market) -> None:
    market.book()

    said, beside = focus()

    assert said == written()
    assert "2 rows, 3.5 USD" in beside


def test_parquet_to_a_file(market: Market, tmp_path: Path) -> None:
    market.book()
    file = tmp_path / "october.parquet"

    focus("--format", "parquet", "-o", str(file))

    assert pq.read_table(file).column("EffectiveCost").to_pylist() == [Decimal("2.5"), Decimal(1)]


def test_the_billing_period(market: Market) -> None:
    market.book()

    said, _ = focus("--dataset", "BillingPeriod", "--billed-cost", "internal")

    assert said.splitlines() == [
        "BillingPeriodCreated,BillingPeriodEnd,BillingPeriodLastUpdated,BillingPeriodStart,BillingPeriodStatus,"
        "InvoiceIssuerName",
        "2026-10-01T00:00:00Z,2026-11-01T00:00:00Z,2026-10-01T00:00:00Z,2026-10-01T00:00:00Z,Open,"
        "Internal finance",
    ]


def test_parquet_is_not_for_the_standard_output(market: Market) -> None:
    with pytest.raises(CommandError, match="Parquet needs a file"):
        focus("--format", "parquet")


def test_a_month_is_written_as_year_and_month(market: Market) -> None:
    with pytest.raises(CommandError, match="'October' is no month: write it as 2026-10"):
        call_command("focus", "--month", "October")

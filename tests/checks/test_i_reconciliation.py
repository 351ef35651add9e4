"""Checks C15 and I9: the ledger held against the vendor's bill, tokens and money apart; what is kept."""

import datetime as dt
import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metering.models import ReconciliationRun
from metering.reconciliation import explaining, signing
from metering.usage import Usage
from tests import factories
from tests.metering.reconciliation.conftest import OCTOBER, Books
from tests.metering.reconciliation.conftest import openai as openai

HEAD = "day,model,token_type,quantity,cost_usd\n"
RIGHT = {("gpt-4o", "input"): (1_000_000, "2.5"), ("gpt-4o", "cache_read"): (400_000, "0.5")}
RIGHT |= {("gpt-4o", "output"): (150_000, "1.5"), ("gpt-4o-mini", "input"): (1_000_000, "0.15")}
RIGHT |= {("gpt-4o-mini", "output"): (100_000, "0.06")}


def export(folder: Path, wrong: dict[tuple[str, str], tuple[int, str]]) -> Path:
    """The vendor's usage export of October, with ``wrong`` on each day."""
    lines = [
        f"2026-10-0{day},{model},{meter},{tokens},{usd}\n"
        for day in range(1, 8)
        for (model, meter), (tokens, usd) in (RIGHT | wrong).items()
    ]
    path = folder / "usage.csv"
    path.write_text(HEAD + "".join(lines))
    return path


def reconciled(path: Path) -> str:
    call_command("import_vendor_costs", "--provider", "openai", str(path), stdout=io.StringIO())
    out = io.StringIO()
    try:
        call_command("reconcile", "--provider", "openai", "--month", "2026-10", stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}exit {error.returncode}: {error}"
    return out.getvalue()


def row(text: str, model: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(f"{model} ")).split(maxsplit=7)


def test_c15_agreement_is_said_by_model_in_tokens_and_in_money(openai: Books, tmp_path: Path) -> None:
    told = reconciled(export(tmp_path, {}))

    assert row(told, "gpt-4o") == ["gpt-4o", "10850000", "10850000", "0", "31.5", "31.5", "0", "agrees"]
    assert row(told, "gpt-4o-mini") == [
        "gpt-4o-mini",
        "7700000",
        "7700000",
        "0",
        "1.47",
        "1.47",
        "0",
        "agrees",
    ]
    assert told.splitlines()[-1] == "matched"


def test_c15_ten_times_the_price_is_a_matter_of_price(openai: Books, tmp_path: Path) -> None:
    told = reconciled(export(tmp_path, {("gpt-4o", "output"): (150_000, "15")}))

    assert row(told, "gpt-4o") == [
        "gpt-4o",
        "10850000",
        "10850000",
        "0",
        "31.5",
        "126",
        "94.5",
        "quantities agree, price differs (PRICE)",
    ]
    assert told.splitlines()[-1] == "exit 1: the open gap exceeds the tolerance"


def test_c15_ten_times_the_tokens_are_a_matter_of_quantity(openai: Books, tmp_path: Path) -> None:
    told = reconciled(export(tmp_path, {("gpt-4o-mini", "input"): (10_000_000, "1.5")}))

    assert row(told, "gpt-4o-mini")[1:] == [
        "7700000",
        "70700000",
        "63000000",
        "1.47",
        "10.92",
        "9.45",
        "quantities differ",
    ]
    assert "exit 1" in told


def test_c15_a_cost_of_zero_on_our_side_is_seen(openai: Books, tmp_path: Path) -> None:
    """A model that is not priced: the tokens agree, the money is the vendor's alone."""
    model = factories.make_model("gpt-next", provider=openai.provider)
    usage = Usage(output=1_000_000)
    factories.make_entry(key=openai.key, model=model, usage=usage, started_at=openai_day())
    path = export(tmp_path, {})
    path.write_text(path.read_text() + "2026-10-03,gpt-next,output,1000000,20\n")

    told = reconciled(path)

    assert row(told, "gpt-next")[1:] == [
        "1000000",
        "1000000",
        "0",
        "0",
        "20",
        "20",
        "quantities agree, price differs (PRICE)",
    ]
    assert "1 entries of unknown cost" in told


def test_c15_no_report_is_no_agreement(openai: Books) -> None:
    out = io.StringIO()

    with pytest.raises(CommandError, match="have no report") as refusal:
        call_command("reconcile", "--provider", "openai", "--month", "2026-10", stdout=out)

    assert refusal.value.returncode == 2
    assert row(out.getvalue(), "gpt-4o")[-1] == "no report"


def test_i9_a_signed_month_keeps_the_invoices_total_the_delta_and_the_explanation(
    openai: Books, tmp_path: Path
) -> None:
    reconciled(export(tmp_path, {("gpt-4o", "output"): (150_000, "1.8")}))
    at = timezone.now()
    for number in range(7):
        run = ReconciliationRun.objects.latest("id")
        line = run.lines.filter(status="open").order_by("number")[0]
        assert (line.reason, line.day.day) == ("PRICE", number + 1)
        explaining.explain(line=line, reason="PRICE", note="list of 1 October", by="ann", at=at)
    run = ReconciliationRun.objects.latest("id")
    ann, bob = factories.make_user("ann"), factories.make_user("bob")
    waiting = signing.sign(run=run, note="credited in November", by=ann, at=at)

    signed = signing.second(sign_off=waiting, by=bob, at=at)

    kept = signed.run
    assert (kept.month, kept.ours, kept.theirs, kept.gap, kept.open_gap) == (
        OCTOBER,
        Decimal("32.97"),
        Decimal("35.07"),
        Decimal("2.1"),
        0,
    )
    assert (signed.note, signed.asked_by, signed.signed_by) == ("credited in November", ann, bob)
    assert set(kept.lines.filter(status="explained").values_list("reason", "evidence", "explained_by")) == {
        (
            "PRICE",
            "list of 1 October\n"
            "PRICE: the same 150,000 tokens: $12.00 per 1M by the vendor, $10.00 per 1M by us",
            "ann",
        )
    }


def openai_day() -> dt.datetime:
    return dt.datetime(2026, 10, 3, 12, tzinfo=dt.UTC)

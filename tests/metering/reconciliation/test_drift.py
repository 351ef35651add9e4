"""What came to the ledger after a month was compared: in the way of closing and signing, and in the pack."""

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from metering import reconciliation
from metering.models import CorrectionBatch, CostEntry, ReconciliationRun, SignOff
from metering.reconciliation import drift, runs, signing
from metering.reconciliation.signing import CannotSign
from metering.summaries import summing
from metering.usage import BUCKETS, Usage
from tests import factories
from tests.metering import house as metering_house
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation.conftest import OCTOBER, Books, october


@pytest.fixture
def compared(openai: Books) -> ReconciliationRun:
    return openai.compare(bills.openai(openai.bill()))


def call(books: Books, usd: str, *, day: int = 3) -> None:
    """One more call, $10 for 1,000,000 tokens."""
    tokens = int(Decimal(usd) * 100_000)
    books.call("gpt-4o", at=october(day), usage=Usage(output=tokens))


def price_anew(books: Books, *, usd: str) -> None:
    """A correction of the newest gpt-4o entry of $4.50."""
    wrong = CostEntry.objects.filter(model=books.models["gpt-4o"]).latest("id")
    batch = CorrectionBatch.objects.create(reason="price", author="ann")
    tokens = {name: getattr(wrong, name) for name in BUCKETS}
    same = {"request": wrong.request_id, "at": wrong.started_at, "model_id": wrong.model_id}
    same |= {"team_id": wrong.team_id, "api_key_id": wrong.api_key_id, "price_id": wrong.price_id}
    same |= {"kind": "correction", "corrects_id": wrong.pk, "batch_id": batch.pk, "latency_ms": None}
    taken_back = {name: -count for name, count in tokens.items()}
    house = metering_house.House(0, 0, 0, 0, 0, 0)
    assert metering_house.settle(
        metering_house.entry(house, tokens=taken_back, cost="-4.5", reverses=True, **same),
        metering_house.entry(house, tokens=tokens, cost=usd, **same),
    ) == ["booked", "booked"]


@pytest.mark.parametrize("summed", [False, True])
def test_a_correction_moves_the_ledger(openai: Books, compared: ReconciliationRun, summed: bool) -> None:
    assert drift.of(compared) == 0
    price_anew(openai, usd="3.55")
    if summed:
        summing.catch_up()

    assert drift.of(compared) == Decimal("-0.95")
    assert drift.words(drift.of(compared)) == "the ledger moved by -$0.95 since this comparison"
    again = runs.keep(provider=openai.provider, month=OCTOBER, as_of=timezone.now(), by="ann")
    assert (again.ours, drift.of(again)) == (Decimal("32.02"), 0)


def test_entries_before_and_after_the_mark_of_the_summaries_count_once(
    openai: Books, compared: ReconciliationRun
) -> None:
    call(openai, "1.5")
    summing.catch_up()
    call(openai, "0.25")

    assert drift.of(compared) == Decimal("1.75")


def test_months_are_utc_and_other_months_and_vendors_do_not_matter(
    openai: Books, compared: ReconciliationRun
) -> None:
    last, first = dt.datetime(2026, 10, 31, 23, 59, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    openai.call("gpt-4o", at=last, usage=Usage(output=100_000))
    openai.call("gpt-4o", at=first, usage=Usage(output=200_000))
    price = factories.make_price(
        factories.make_model("mistral-large", provider=factories.make_provider("mistral")), output="10.00"
    )
    factories.make_entry(
        key=openai.key, model=price.model, price=price, usage=Usage(output=1_000), started_at=october(3)
    )

    assert drift.of(compared) == Decimal(1)


def test_many_months_are_one_query(openai: Books, compared: ReconciliationRun) -> None:
    empty = runs.keep(provider=openai.provider, month=dt.date(2026, 9, 1), as_of=timezone.now(), by="ann")
    call(openai, "2")

    with CaptureQueriesContext(connection) as asked:
        moved = drift.since([compared, empty])

    assert (moved, len(asked)) == ({compared.pk: Decimal(2), empty.pk: Decimal(0)}, 1)


def test_what_is_in_the_way_of_closing_says_that_the_comparison_is_stale(
    openai: Books, compared: ReconciliationRun
) -> None:
    price_anew(openai, usd="3.55")

    assert [one.why for one in reconciliation.unsigned(OCTOBER)] == [
        "not signed off (matched); the ledger moved by -$0.95 since this comparison: compare again"
    ]


def test_a_signature_falls_with_the_ledger_compared_again_or_not(
    openai: Books, compared: ReconciliationRun
) -> None:
    signed = signing.sign(run=compared, note="", by=factories.make_user("ann"), at=timezone.now())
    call(openai, "1")
    assert signing.standing(provider=openai.provider, month=OCTOBER) == signed
    call(openai, "0.01")

    assert signing.standing(provider=openai.provider, month=OCTOBER) is None
    assert [one.why for one in reconciliation.unsigned(OCTOBER)] == [
        "the figures moved since it was signed;"
        " the ledger moved by +$1.01 since this comparison: compare again"
    ]


def test_a_comparison_that_the_ledger_left_behind_is_not_signed(
    openai: Books, compared: ReconciliationRun
) -> None:
    call(openai, "1.01")

    with pytest.raises(
        CannotSign, match=r"The ledger moved by \+\$1\.01 since this comparison: compare again"
    ):
        signing.sign(run=compared, note="", by=factories.make_user("ann"), at=timezone.now())
    assert SignOff.objects.count() == 0


def total_of_sheet(as_of: dt.datetime) -> dict[str, str]:
    out = io.StringIO()
    reconciliation.write_sheet(out, month=OCTOBER, as_of=as_of)
    return list(csv.DictReader(io.StringIO(out.getvalue())))[-1]


def test_the_sheet_says_what_moved_until_its_moment_and_stays_as_it_is(
    openai: Books, compared: ReconciliationRun
) -> None:
    price_anew(openai, usd="3.55")
    moment = timezone.now()
    before = total_of_sheet(moment)
    call(openai, "5")

    assert total_of_sheet(moment) == before
    assert before["evidence"] == (
        "open (absolute) 0 USD, tolerance 1 USD; the ledger moved by -$0.95 since this comparison"
    )


def test_the_sheets_total_adds_up_beside_days_without_a_report(openai: Books) -> None:
    bill = openai.bill()
    bill.last = OCTOBER.replace(day=5)
    openai.compare(bills.openai(bill))

    total = total_of_sheet(timezone.now())

    assert (total["our_usd"], total["vendor_usd"], total["gap_usd"]) == ("32.97", "23.55", "0")
    assert total["evidence"] == (
        "open (absolute) 0 USD, tolerance 1 USD; 9.42 USD of ours on days without a report, in no gap"
    )

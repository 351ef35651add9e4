"""A month whose bill is right: everything matches, to the last digit, at each vendor."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from metering.models import (
    CorrectionBatch,
    CostEntry,
    GapExplanation,
    ReconciliationLine,
    ReconciliationRun,
    VendorAlias,
    VendorCost,
    VendorReport,
)
from metering.reconciliation import comparing, importing, runs, telling
from metering.reconciliation.readers.files import File
from metering.reconciliation.readers.lines import Report, UnreadableReport
from metering.usage import BUCKETS, Usage
from tests import factories
from tests.metering import house as metering_house
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation import shapes
from tests.metering.reconciliation.conftest import IMPORTED, OCTOBER, Books, differing, october


def test_openai_matches(openai: Books) -> None:
    run = openai.compare(bills.openai(openai.bill()))

    assert differing(run) == []
    assert (run.state, run.ours, run.theirs, run.gap) == ("matched", Decimal("32.97"), Decimal("32.97"), 0)
    assert (run.open_gap, run.vendor_lines, run.uncovered_days) == (0, 35, 0)


def test_anthropic_matches(anthropic: Books) -> None:
    run = anthropic.compare(bills.anthropic(anthropic.bill()))

    assert differing(run) == []
    assert (run.state, run.ours, run.gap) == ("matched", Decimal("12.915"), 0)


def test_google_matches(gemini: Books) -> None:
    run = gemini.compare(bills.google(gemini.bill()))

    assert differing(run) == []
    assert (run.state, run.ours, run.gap) == ("matched", Decimal("3.85"), 0)


def test_sums_of_days_alone_are_compared_by_day(openai: Books) -> None:
    """organization/costs without group_by says one sum a day."""
    sums = [(day, [shapes.openai_cost("4.71")]) for day in (OCTOBER + dt.timedelta(days=n) for n in range(7))]
    given = [File("costs.json", shapes.as_bytes(shapes.openai_page(*sums)))]

    run = openai.compare(given)

    assert (run.state, run.gap, run.open_gap) == ("matched", 0, 0)
    assert [(line.model, line.meter, line.ours_usd, line.ours_quantity) for line in run.lines.all()] == [
        ("", "all", Decimal("4.71"), 2_650_000)
    ] * 7


def test_sums_of_models_are_compared_by_model(openai: Books) -> None:
    text = "day,model,cost_usd\n" + "".join(
        f"2026-10-0{day},gpt-4o,4.50\n2026-10-0{day},gpt-4o-mini,0.21\n" for day in range(1, 8)
    )

    run = openai.compare([File("bill.csv", text.encode())])

    assert (run.state, run.gap) == ("matched", 0)


def costs_alone(days: int, *, wrong: dict[int, str]) -> list[File]:
    """An invoice by day and model, without token types and quantities."""
    lines = (
        f"2026-10-{day:02},gpt-4o,,,{wrong.get(day, '4.50')}\n2026-10-{day:02},gpt-4o-mini,,,0.21\n"
        for day in range(1, days + 1)
    )
    return [File("invoice.csv", ("day,model,token_type,quantity,cost_usd\n" + "".join(lines)).encode())]


def test_where_the_vendor_tells_money_alone_only_the_day_that_differs_is_a_gap(openai: Books) -> None:
    run = openai.compare(costs_alone(7, wrong={3: "4.00"}))

    [line] = differing(run)
    assert (line.day.day, line.model, line.meter, line.status) == (3, "gpt-4o", "all", "open")
    assert (line.gap_usd, line.ours_quantity, line.theirs_quantity) == (Decimal("-0.5"), 1_550_000, None)
    assert (run.lines.count(), run.uncovered_days, run.state) == (14, 0, "matched")


def test_quantities_that_are_told_of_one_model_say_nothing_of_the_others(openai: Books) -> None:
    text = "day,model,token_type,quantity,cost_usd\n" + "".join(
        f"2026-10-0{day},gpt-4o,,,4.50\n"
        f"2026-10-0{day},gpt-4o-mini,input,1000000,0.15\n2026-10-0{day},gpt-4o-mini,output,100000,0.06\n"
        for day in range(1, 8)
    )

    run = openai.compare([File("invoice.csv", text.encode())])

    assert (differing(run), run.lines.count(), run.state) == ([], 21, "matched")
    assert run.lines.filter(model="gpt-4o-mini", gap_quantity=0).count() == 14


def test_searches_are_not_added_to_tokens(openai: Books) -> None:
    rate = factories.make_price(openai.models["gpt-4o-mini"], variant="flex", per_request="0.01")
    openai.prices["gpt-4o-mini"] = rate
    openai.call("gpt-4o-mini", at=october(3), usage=Usage(requests=5), variant="flex")
    sums = [(day, [shapes.openai_cost("4.71")]) for day in (OCTOBER + dt.timedelta(days=n) for n in range(7))]
    sums[2] = (sums[2][0], [shapes.openai_cost("4.76")])

    run = openai.compare([File("costs.json", shapes.as_bytes(shapes.openai_page(*sums)))])

    assert differing(run) == []
    assert run.lines.get(day=OCTOBER.replace(day=3)).ours_quantity == 2_650_000


def test_the_vendors_dated_name_is_the_model_that_served(openai: Books) -> None:
    openai.call("gpt-4o", at=october(9), usage=Usage(output=100), served_model="gpt-4o-2024-08-06")
    bill = openai.bill()
    for (day, model, meter), charges in list(bill.charges.items()):
        if model == "gpt-4o":
            bill.charges[day, "gpt-4o-2024-08-06", meter] = charges
            del bill.charges[day, model, meter]

    assert differing(openai.compare(bills.openai(bill))) == []


def test_an_alias_maps_a_line_that_was_not(openai: Books) -> None:
    bill = openai.bill()
    bill.line(3, "gpt-4o", "output").usd = None
    bill.extra.append((OCTOBER.replace(day=3), shapes.openai_cost("1.5", "GPT four omni words")))
    assert openai.compare(bills.openai(bill)).lines.filter(meter="unmapped").count() == 1
    VendorAlias.objects.create(
        provider=openai.provider, item="gpt FOUR omni words", model=openai.models["gpt-4o"], meter="output"
    )

    run = runs.keep(provider=openai.provider, month=OCTOBER, as_of=timezone.now(), by="ann")

    assert differing(run) == []


def test_days_without_a_report_are_counted(openai: Books) -> None:
    bill = openai.bill()
    bill.last = OCTOBER.replace(day=5)

    run = openai.compare(bills.openai(bill))

    assert (run.state, run.uncovered_days, run.gap) == ("incomplete", 2, 0)
    assert run.ours - run.theirs == Decimal("9.42")
    assert {line.status for line in run.lines.filter(day__day__gt=5)} == {"unreported"}


def test_a_month_without_any_report_has_no_gap(openai: Books) -> None:
    found = comparing.compare(provider=openai.provider, month=OCTOBER, as_of=timezone.now())

    assert (found.state, found.theirs, found.gap, found.uncovered_days) == ("incomplete", None, None, 7)


def test_a_month_without_calls_and_reports_is_nothing_to_compare(openai: Books) -> None:
    run = runs.keep(provider=openai.provider, month=dt.date(2026, 9, 1), as_of=timezone.now(), by="ann")

    assert (run.state, telling.state_words(run)) == ("nothing", "nothing to compare")
    assert (run.uncovered_days, run.ours, run.gap) == (0, 0, None)


def test_a_bill_of_nothing_for_no_calls_matches(openai: Books) -> None:
    third = dt.date(2026, 9, 3)
    nothing = Report(kind="cost", first_day=third, last_day=third, lines=())
    origin = importing.Origin(openai.provider, "https://", "0" * 64, IMPORTED, "clerk", fetched=True)

    [run] = importing.record([nothing], origin).runs

    assert (run.state, run.gap) == ("matched", 0)


def test_usage_of_calls_that_nobody_made_here_lacks_its_costs(openai: Books) -> None:
    run = openai.compare(
        [File("u.csv", b"day,model,token_type,quantity,cost_usd\n2026-09-03,gpt-4o,input,7,\n")]
    )

    assert (run.uncovered_days, telling.state_words(run)) == (0, "no report of costs")


def test_the_same_moment_gives_the_same_rows_again(openai: Books) -> None:
    run = openai.compare(bills.openai(openai.bill()))
    moment = run.as_of
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 50_000)
    later = openai.compare(bills.openai(bill), at=moment + dt.timedelta(days=1))

    again = runs.keep(provider=openai.provider, month=OCTOBER, as_of=moment, by="bob")

    assert later.digest != run.digest
    assert again.digest == run.digest


def test_what_a_correction_took_back_is_not_compared(openai: Books) -> None:
    """A batch that prices one entry anew: the reversing row and the new one."""
    wrong = CostEntry.objects.filter(model=openai.models["gpt-4o"]).latest("id")
    batch = CorrectionBatch.objects.create(reason="price", author="ann")
    tokens = {name: getattr(wrong, name) for name in BUCKETS}
    same = {"request": wrong.request_id, "at": wrong.started_at, "model_id": wrong.model_id}
    same |= {"team_id": wrong.team_id, "api_key_id": wrong.api_key_id, "price_id": wrong.price_id}
    same |= {"kind": "correction", "corrects_id": wrong.pk, "batch_id": batch.pk, "latency_ms": None}
    taken_back = {name: -count for name, count in tokens.items()}
    house = metering_house.House(0, 0, 0, 0, 0, 0)
    assert metering_house.settle(
        metering_house.entry(house, tokens=taken_back, cost="-4.5", reverses=True, **same),
        metering_house.entry(house, tokens=tokens, cost="4.5", **same),
    ) == ["booked", "booked"]

    run = openai.compare(bills.openai(openai.bill()))

    assert (differing(run), run.ours) == ([], Decimal("32.97"))


def test_answers_of_our_cache_are_no_calls_of_the_vendors(openai: Books) -> None:
    openai.call(
        "gpt-4o",
        at=october(3),
        usage=Usage(input=500),
        kind="cache_hit",
        cost=Decimal(0),
        cost_reason="cache_hit",
    )

    assert differing(openai.compare(bills.openai(openai.bill()))) == []


def test_a_cost_that_the_vendor_itself_told_is_compared_by_model(openai: Books) -> None:
    """Not split by token type on our side, so nor on theirs."""
    openai.call(
        "gpt-4o",
        at=october(3),
        usage=Usage(output=100_000),
        cost=Decimal(1),
        price=None,
        cost_reason="reported",
        reported_cost=Decimal(1),
    )

    run = openai.compare(bills.openai(openai.bill()))

    assert differing(run) == []
    third = run.lines.get(day=OCTOBER.replace(day=3), model="gpt-4o", meter="all")
    assert (third.ours_usd, third.theirs_usd) == (Decimal("5.5"), Decimal("5.5"))


@pytest.mark.parametrize(("lines", "usd"), [(0, "1"), (40_000, "1"), (90_000, "1.5"), (1_000_000, "5")])
def test_the_tolerance_of_focus(lines: int, usd: str) -> None:
    assert comparing.tolerance(lines) == Decimal(usd)


def test_a_report_is_kept_line_by_line_as_it_came(gemini: Books) -> None:
    gemini.compare(bills.google(gemini.bill(), currency="EUR", currency_conversion_rate="0.5"))

    line = VendorCost.objects.earliest("id")
    assert (line.billed, line.currency, line.rate, line.amount) == (
        Decimal("0.3"),
        "EUR",
        Decimal("0.5"),
        Decimal("0.6"),
    )
    assert line.raw["sku"]["description"] == "Gemini 2.5 Flash Text Input"


def test_an_unreadable_file_leaves_nothing_behind(openai: Books) -> None:
    [costs, usage] = bills.openai(openai.bill())
    torn = File("usage.json", usage.data.replace(b'"input_tokens": 1000000', b'"input_tokens": -1', 1))

    with pytest.raises(UnreadableReport, match=r"usage.json: data\[0\].results\[\d\].input_tokens"):
        openai.compare([costs, torn])

    assert (VendorReport.objects.count(), VendorCost.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "model", [VendorReport, VendorCost, ReconciliationRun, ReconciliationLine, GapExplanation]
)
def test_what_was_said_only_grows(openai: Books, model: type[Model]) -> None:
    run = openai.compare(bills.openai(openai.bill()))
    line = run.lines.all()[0]
    GapExplanation.objects.create(
        provider=openai.provider,
        day=line.day,
        meter="input",
        reason="TZ",
        note="x",
        author="ann",
        created_at=IMPORTED,
    )
    table = model._meta.db_table
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        refused = pytest.raises(IntegrityError, match="reconciliations only grow")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with deferred checks is not truncated
            cursor.execute(statement)


def test_a_month_whose_only_call_is_of_unknown_cost_is_not_nothing(openai: Books) -> None:
    openai.call("gpt-4o", at=dt.datetime(2026, 8, 3, 12, tzinfo=dt.UTC), usage=None, price=None)

    run = runs.keep(provider=openai.provider, month=dt.date(2026, 8, 1), as_of=timezone.now(), by="clerk")

    assert (run.state, run.uncovered_days, run.unpriced) == ("incomplete", 1, 1)

"""A right bill broken in each way that bills differ from ledgers: the reason is named, with its evidence.

Bills are made from the ledger (bill.py), then one thing is changed.
"""

import datetime as dt
from decimal import Decimal

import pytest
from pytest_django import Settings

from metering.models import VendorAccount
from metering.reconciliation import telling
from metering.reconciliation.readers.files import File
from metering.usage import Usage
from tests import factories
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation import shapes
from tests.metering.reconciliation.bill import Charge
from tests.metering.reconciliation.conftest import (
    IMPORTED,
    Books,
    differing,
    judged,
    october,
    only,
    open_books,
)

THIRD = dt.date(2026, 10, 3)


def test_tz_the_vendor_counts_its_days_in_pacific_time(openai: Books) -> None:
    openai.call("gpt-4o-mini", at=october(6, hour=3), usage=Usage(output=1_000_000))

    run = openai.compare(bills.openai(openai.bill(zone="America/Los_Angeles")))

    before, after = differing(run)
    assert judged(before) == ("explained", "TZ", Decimal("0.6"))
    assert judged(after) == ("explained", "TZ", Decimal("-0.6"))
    assert before.evidence == (
        "the vendor's figure is ours for the day in America/Los_Angeles ($0.66, 1,100,000 tokens)"
    )
    assert (run.state, run.open_gap) == ("matched", 0)


def test_tz_a_business_zone_of_half_hours(openai: Books, settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"
    openai.call("gpt-4o-mini", at=october(6, hour=18).replace(minute=45), usage=Usage(output=1_000_000))

    first, _ = differing(openai.compare(bills.openai(openai.bill(zone="Asia/Kolkata"))))

    assert judged(first) == ("explained", "TZ", Decimal("-0.6"))
    assert "for the day in Asia/Kolkata ($0.06, 100,000 tokens)" in first.evidence


def test_tz_three_days_together_agree(openai: Books) -> None:
    bill = openai.bill()
    for day, tokens in ((5, -30_000), (6, 30_000)):
        line = bill.line(day, "gpt-4o", "output")
        line.tokens, line.usd = line.tokens + tokens, line.usd + Decimal(tokens) / 100_000

    before, after = differing(openai.compare(bills.openai(bill)))

    assert judged(before) == ("explained", "TZ", Decimal("-0.3"))
    assert before.evidence == "neighbouring days cancel it: +$0, -$0.3, +$0.3"
    assert judged(after) == ("explained", "TZ", Decimal("0.3"))


def test_bypass_a_key_that_is_not_the_gateways(openai: Books) -> None:
    VendorAccount.objects.create(provider=openai.provider, identifier="key_gateway")
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 50_000, account="key_of_a_laptop")

    line = only(openai.compare(bills.openai(bill)))

    assert judged(line) == ("open", "BYPASS", Decimal("0.5"))
    assert line.evidence == "50,000 tokens of accounts that are not the gateway's: key_of_a_laptop"


def test_bypass_the_console_has_no_key(anthropic: Books) -> None:
    VendorAccount.objects.create(provider=anthropic.provider, identifier="key_gateway")
    bill = anthropic.bill()
    bill.use(3, "claude-haiku-4-5", "input", 70_000, account=None)

    line = only(anthropic.compare(bills.anthropic(bill)))

    assert judged(line) == ("open", "BYPASS", Decimal("0.07"))
    assert line.evidence == "70,000 tokens of accounts that are not the gateway's: (none)"


def test_bypass_a_model_that_nobody_called_here(openai: Books) -> None:
    bill = openai.bill()
    bill.use(25, "gpt-4o", "output", 50_000)

    line = only(openai.compare(bills.openai(bill)))

    assert judged(line) == ("open", "BYPASS", Decimal("0.5"))
    assert line.evidence == (
        "the gateway made no call of gpt-4o on that day; the vendor has 50,000 tokens, $0.5"
    )


def test_cache_the_vendor_counts_cached_tokens_apart(openai: Books) -> None:
    bill = openai.bill()
    fresh, cached = bill.line(3, "gpt-4o", "input"), bill.line(3, "gpt-4o", "cache_read")
    fresh.tokens, fresh.usd = 700_000, Decimal("1.75")
    cached.tokens, cached.usd = 700_000, Decimal("0.875")

    more_cached, less_input = differing(openai.compare(bills.openai(bill)))

    assert judged(more_cached) == ("open", "CACHE", Decimal("0.375"))
    assert judged(less_input) == ("open", "CACHE", Decimal("-0.75"))
    assert less_input.evidence == (
        "the same tokens together, parted otherwise: 1,400,000 input tokens of all kinds, ours 1,400,000"
    )


def test_cache_our_input_includes_the_cached_tokens(openai: Books) -> None:
    """As where OpenAI's inclusive input was booked whole: litellm's 3 times the bill."""
    openai.call("gpt-4o", at=october(3), usage=Usage(input=400_000))
    bill = openai.bill()
    line = bill.line(3, "gpt-4o", "input")
    line.tokens, line.usd = 1_000_000, Decimal("2.5")

    found = only(openai.compare(bills.openai(bill)))

    assert judged(found) == ("open", "CACHE", Decimal(-1))
    assert found.evidence == (
        "we counted cached tokens as input, too: 1,400,000 input tokens of all kinds, ours 1,800,000"
    )


def test_cache_priced_as_input(db: None) -> None:
    books = open_books("openai", "gpt-4o")
    books.prices["gpt-4o"] = factories.make_price(
        factories.make_model("gpt-4o-2024-08-06"), input="2.50", output="10.00"
    )
    books.models["gpt-4o"] = books.prices["gpt-4o"].model
    books.call("gpt-4o", at=october(3), usage=Usage(input=1_000_000, cache_read=400_000))
    bill = bills.Bill({}, THIRD.replace(day=1), THIRD.replace(day=31))
    bill.charges = {
        (THIRD, "gpt-4o-2024-08-06", "input"): [Charge(1_000_000, Decimal("2.5"))],
        (THIRD, "gpt-4o-2024-08-06", "cache_read"): [Charge(400_000, Decimal("0.5"))],
    }

    line = only(books.compare(bills.openai(bill)))

    assert judged(line) == ("open", "CACHE", Decimal("-0.5"))
    assert line.evidence == (
        "the same tokens, which we priced as input: $1.25 per 1M by the vendor, $2.50 per 1M by us"
    )


def test_retry_an_attempt_that_timed_out_was_charged(openai: Books) -> None:
    openai.call(
        "gpt-4o",
        at=october(3),
        usage=None,
        outcome="error",
        status=None,
        error_class="timeout",
        held=Decimal("0.9"),
    )
    openai.call("gpt-4o", at=october(3), attempt=2, usage=Usage(output=10_000))
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 10_000)

    line = only(openai.compare(bills.openai(bill)))

    assert judged(line) == ("open", "RETRY", Decimal("0.1"))
    assert line.evidence == (
        "1 attempt failed and is booked without usage; 2 first attempts, 1 more; at most $0.9 more"
    )


def test_retry_explains_no_more_than_was_held(openai: Books) -> None:
    openai.call("gpt-4o", at=october(3), usage=None, outcome="error", held=Decimal("0.05"))
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 10_000)

    line = only(openai.compare(bills.openai(bill)))

    assert line.evidence.endswith("at most $0.05 more; that leaves +$0.05")
    assert (line.reason, telling.reason_of(line)) == ("RETRY", "RETRY in part")


def test_a_cause_that_covers_the_gap_is_not_called_a_part_of_it(openai: Books) -> None:
    openai.call("gpt-4o", at=october(3), usage=None, outcome="error", held=Decimal("0.9"))
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 10_000)

    assert telling.reason_of(only(openai.compare(bills.openai(bill)))) == "RETRY"


def test_a_cause_that_makes_more_than_the_gap_is_not_called_a_part_of_it(openai: Books) -> None:
    VendorAccount.objects.create(provider=openai.provider, identifier="key_gateway")
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 50_000, account="key_of_a_laptop")
    line = bill.line(3, "gpt-4o", "output")
    line.tokens, line.usd = line.tokens - 10_000, line.usd - Decimal("0.1")

    found = only(openai.compare(bills.openai(bill)))

    assert judged(found) == ("open", "BYPASS", Decimal("0.4"))
    assert found.evidence.endswith("; that leaves -$0.1")
    assert telling.reason_of(found) == "BYPASS"


def test_abort_an_answer_that_broke_off_was_estimated_too_low(openai: Books) -> None:
    openai.call(
        "gpt-4o",
        at=october(3),
        usage=Usage(output=1_000),
        usage_source="estimated",
        outcome="client_closed",
        held=Decimal("0.3"),
    )
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 4_000)

    line = only(openai.compare(bills.openai(bill)))

    assert judged(line) == ("open", "ABORT", Decimal("0.04"))
    assert line.evidence == ("1 answer broke off and was estimated, or has no usage; at most $0.29 more")


def test_tier_the_vendor_served_a_batch(openai: Books) -> None:
    bill = openai.bill()
    line = bill.line(3, "gpt-4o", "output")
    line.usd, line.tier = line.usd / 2, "batch"

    found = only(openai.compare(bills.openai(bill)))

    assert judged(found) == ("open", "TIER", Decimal("-0.75"))
    assert found.evidence == "150,000 tokens as batch by the vendor, none by us"


def test_tier_the_unit_price_is_that_of_another_variant(openai: Books) -> None:
    factories.make_price(openai.models["gpt-4o"], variant="priority", input="4.25", output="17.00")
    bill = openai.bill()
    bill.line(3, "gpt-4o", "output").usd = Decimal("2.55")

    found = only(openai.compare(bills.openai(bill)))

    assert judged(found) == ("open", "TIER", Decimal("1.05"))
    assert found.evidence == "the vendor charged $17.00 per 1M: our price of priority"


def test_tier_a_long_context_has_a_price_of_its_own(anthropic: Books) -> None:
    price = factories.make_price(
        anthropic.models["claude-haiku-4-5"], above_input_tokens=200_000, input="2.00", output="7.50"
    )
    bill = anthropic.bill()
    bill.line(3, "claude-haiku-4-5", "input").usd = Decimal(2)

    found = only(anthropic.compare(bills.anthropic(bill)))

    assert price.above_input_tokens == 200_000
    assert judged(found) == ("open", "TIER", Decimal(1))
    assert found.evidence == (
        "the vendor charged $2.00 per 1M: our price of standard above 200,000 input tokens"
    )


@pytest.mark.parametrize("what", ["File search tool calls", "Code interpreter sessions", "Containers"])
def test_tool_a_line_that_is_not_tokens(openai: Books, what: str) -> None:
    bill = openai.bill()
    bill.extra.append((THIRD, shapes.openai_cost("2.5", what)))

    line = only(openai.compare(bills.openai(bill)))

    assert judged(line) == ("open", "TOOL", Decimal("2.5"))
    assert line.evidence == f"the vendor charged a tool, which is not tokens ({what}): +$2.5"


def test_tool_more_searches_than_the_answers_told(anthropic: Books) -> None:
    bill = anthropic.bill()
    search = {"cost_type": "web_search", "description": "Web Search Usage"}
    bill.extra.append((THIRD, shapes.anthropic_cost("1000", None, **search)))

    line = only(anthropic.compare(bills.anthropic(bill)))

    assert judged(line) == ("open", "TOOL", Decimal(10))
    assert line.evidence.endswith("$10 on the bill; the answers told of 0 for $0")


def test_price_the_list_is_stale(openai: Books) -> None:
    bill = openai.bill()
    bill.line(3, "gpt-4o", "output").usd = Decimal("1.80")

    line = only(openai.compare(bills.openai(bill)))

    assert judged(line) == ("open", "PRICE", Decimal("0.3"))
    assert line.triage == "price"
    assert line.evidence == "the same 150,000 tokens: $12.00 per 1M by the vendor, $10.00 per 1M by us"


def test_price_the_name_resolved_to_another_model(openai: Books) -> None:
    bill = openai.bill()
    bill.charges[THIRD, "gpt-4o-mini", "output"].append(bill.charges.pop((THIRD, "gpt-4o", "output"))[0])
    bill.charges[THIRD, "gpt-5-mini", "output"] = bill.charges[THIRD, "gpt-4o-mini", "output"][1:]
    del bill.charges[THIRD, "gpt-4o-mini", "output"][1:]

    ours, theirs = differing(openai.compare(bills.openai(bill)))

    assert judged(ours) == ("open", "PRICE", Decimal("-1.5"))
    assert judged(theirs) == ("open", "PRICE", Decimal("1.5"))
    assert ours.evidence == theirs.evidence
    assert ours.evidence == (
        "150,000 tokens are gpt-5-mini with the vendor and gpt-4o with us: the name resolved to another model"
    )


def test_price_entries_of_ours_have_none_yet(openai: Books) -> None:
    openai.call("gpt-4o", at=october(25), usage=Usage(output=5_000), price=None)
    run = openai.compare(bills.openai(openai.bill()))

    line = only(run)
    assert judged(line) == ("open", "PRICE", Decimal("0.05"))
    assert line.evidence == "1 entry of ours of unknown cost: price them, and correct the month"
    assert run.unpriced == 1


def test_credit_a_negative_line(openai: Books) -> None:
    bill = openai.bill()
    bill.extra.append((THIRD, shapes.openai_cost("-5", "Promotional credit")))

    run = openai.compare(bills.openai(bill))

    line = only(run)
    assert judged(line) == ("explained", "CREDIT", Decimal(-5))
    assert line.evidence == "the vendor credited it (Promotional credit): -$5"
    assert (run.state, run.gap, run.open_gap) == ("explained", -5, 0)


def test_credit_a_free_tier(gemini: Books) -> None:
    bill = gemini.bill()
    bill.line(3, "gemini-2.5-flash", "output").usd = Decimal(0)

    line = only(gemini.compare(bills.google(bill)))

    assert judged(line) == ("explained", "CREDIT", Decimal("-0.25"))
    assert line.evidence == "100,000 tokens on both sides, for which the vendor charged nothing"


def test_tax_on_the_bill(gemini: Books) -> None:
    bill = gemini.bill()
    tax = shapes.google_row("2.09", "VAT", start="2026-10-31T22:00:00Z", cost_type="tax")
    bill.extra.append((THIRD, tax))

    line = only(gemini.compare(bills.google(bill)))

    assert judged(line) == ("explained", "TAX/FX", Decimal("2.09"))
    assert line.evidence == "the vendor added tax (VAT): +$2.09"


def test_fx_another_currency_at_a_rate_of_the_month(gemini: Books) -> None:
    bill = gemini.bill()
    for charges in bill.charges.values():
        charges[0].usd = charges[0].usd * Decimal("0.92")  # EUR at the price list's own rate
    euros = bills.google(bill, currency="EUR", currency_conversion_rate="0.93")

    run = gemini.compare(euros)

    line = differing(run)[0]
    assert judged(line) == ("explained", "TAX/FX", Decimal("-0.00322580645161290323"))
    assert line.evidence == "same quantity, billed at 0.93 EUR for one USD"
    assert {one.reason for one in differing(run)} == {"TAX/FX"}


def test_late_the_vendor_restated_a_day_that_agreed(openai: Books) -> None:
    openai.compare(bills.openai(openai.bill()))
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 10_000)

    line = only(openai.compare(bills.openai(bill), at=IMPORTED + dt.timedelta(days=7)))

    assert judged(line) == ("open", "LATE", Decimal("0.1"))
    assert line.evidence == "the report of 2026-11-05 09:00 UTC agreed; restated since"


def test_late_the_report_was_taken_before_the_day_had_settled(openai: Books) -> None:
    bill = openai.bill()
    bill.line(7, "gpt-4o", "output").tokens -= 50_000
    bill.line(7, "gpt-4o", "output").usd -= Decimal("0.5")

    line = only(openai.compare(bills.openai(bill), at=october(7, hour=18)))

    assert judged(line) == ("explained", "LATE", Decimal("-0.5"))
    assert line.evidence == "the report was taken at 2026-10-07 18:00 UTC, before the day had settled"


def test_late_a_report_of_half_a_day_that_agreed_says_nothing_of_the_rest(openai: Books) -> None:
    openai.compare(bills.openai(openai.bill()), at=october(3, hour=18))
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 10_000)

    assert judged(only(openai.compare(bills.openai(bill)))) == ("open", "", Decimal("0.1"))


def test_late_a_later_report_that_agrees_settles_it(openai: Books) -> None:
    bill = openai.bill()
    bill.line(3, "gpt-4o", "output").usd = Decimal("0.7")
    assert openai.compare(bills.openai(bill)).open_gap == Decimal("0.8")

    run = openai.compare(bills.openai(openai.bill()), at=IMPORTED + dt.timedelta(days=1))

    assert (differing(run), run.open_gap) == ([], 0)


def test_round_whole_cents(gemini: Books) -> None:
    gemini.call("gemini-2.5-flash", at=october(3), usage=Usage(output=1_500))
    bill = gemini.bill()
    assert bill.line(3, "gemini-2.5-flash", "output").usd == Decimal("0.25375")
    bill.line(3, "gemini-2.5-flash", "output").usd = Decimal("0.25")

    line = only(gemini.compare(bills.google(bill)))

    assert judged(line) == ("explained", "ROUND", Decimal("-0.00375"))
    assert line.evidence == "the vendor's 1 line in whole cents: at most $0.005 off"


def test_round_a_line_of_the_vendors(gemini: Books) -> None:
    bill = gemini.bill()
    row = shapes.google_row("0.004", "Rounding", start="2026-10-31T22:00:00Z", cost_type="rounding error")
    bill.extra.append((THIRD, row))

    assert judged(only(gemini.compare(bills.google(bill)))) == ("explained", "ROUND", Decimal("0.004"))


def test_excl_the_priority_tier_is_in_no_cost_report(anthropic: Books) -> None:
    model = anthropic.models["claude-haiku-4-5"]
    anthropic.prices["claude-haiku-4-5"] = factories.make_price(model, variant="priority", output="7.00")
    anthropic.call("claude-haiku-4-5", at=october(3), usage=Usage(output=100_000), variant="priority")
    bill = anthropic.bill()
    line = bill.line(3, "claude-haiku-4-5", "output")
    line.tokens, line.usd = 100_000, Decimal("0.5")
    bill.add(3, "claude-haiku-4-5", "output", Charge(100_000, None, tier="priority"))

    found = only(anthropic.compare(bills.anthropic(bill)))

    assert judged(found) == ("explained", "EXCL", Decimal("-0.7"))
    assert found.evidence == "Anthropic's cost report leaves out the Priority Tier: $0.7 of ours is priority"


def test_what_nothing_explains_is_open_and_says_so(openai: Books) -> None:
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 123_456)

    run = openai.compare(bills.openai(bill))

    line = only(run)
    assert judged(line) == ("open", "", Decimal("1.23456"))
    assert (line.triage, line.evidence) == ("quantity", "nothing that is known explains it")
    assert (run.state, run.open_gap, run.oldest_open) == ("open", Decimal("1.23456"), THIRD)


def test_a_line_that_is_not_mapped_is_shown_and_counted(openai: Books) -> None:
    bill = openai.bill()
    bill.extra.append((THIRD, shapes.openai_cost("3", "gpt-9, holograms")))

    run = openai.compare(bills.openai(bill))

    line = only(run)
    assert (line.item, line.meter, line.gap_usd) == ("gpt-9, holograms", "unmapped", 3)
    assert line.evidence.startswith("not mapped: say in the vendor aliases")
    assert run.gap == 3


def test_without_usage_nobody_can_tell_usage_from_price(openai: Books) -> None:
    bill = openai.bill()
    bill.line(3, "gpt-4o", "output").usd = Decimal("1.80")
    costs: list[File] = bills.openai(bill)[:1]

    line = only(openai.compare(costs))

    assert (line.triage, line.reason) == ("money", "")
    assert "import the vendor's usage to tell usage from price" in line.evidence

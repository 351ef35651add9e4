"""/spend/entries/<request>/: how the request went, and where it leads."""

import uuid
from decimal import Decimal

import pytest
from django.test import Client

from metering.spend import bookings
from metering.spend.explorer import story
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_entries import ALL
from tests.metering.spend.test_pages import page, text_of

ID = uuid.UUID("01a1fd22-2ec4-7025-9baa-82c38324f800")


def told(request_id: uuid.UUID = ID) -> story.Story:
    found = bookings.request(request_id=request_id, visibility=ALL)
    assert found is not None
    return story.told(found)


@pytest.fixture
def saved(month: Month) -> None:
    """Overloaded twice, then answered by another vendor."""
    call = {"key": month.search, "route": "auto", "request_id": ID, "tags": {"feature": "a&b", "plan": "pro"}}
    refused = {"usage": None, "outcome": "error", "error_class": "rate_limited", "status": 429}
    factories.make_entry(model=month.haiku, **call, **refused, latency_ms=200, attempt=1)
    factories.make_entry(
        model=month.haiku, **call, **refused | {"status": 200, "outcome": "cut"}, latency_ms=300, attempt=2,
        first_byte_ms=100,
    )  # fmt: skip
    factories.make_entry(
        model=month.flash,
        price=month.flash.prices.get(),
        usage=Usage(output=4),
        **call,
        latency_ms=1500,
        first_byte_ms=500,
        attempt=3,
    )


def test_attempts_are_told_in_order_with_what_came_of_each(saved: None) -> None:
    found = told()
    assert found.summary == "Answered by gemini/gemini-2.5-flash at attempt 3, when auto was asked for."
    assert [(leg.sentence, leg.why) for leg in found.legs] == [
        ("anthropic/claude-haiku-4-5 was called and failed", "rate limited, HTTP 429"),
        (
            "anthropic/claude-haiku-4-5 was called again and broke off in the middle of its answer",
            "rate limited",
        ),
        ("gemini/gemini-2.5-flash of another vendor was called instead and answered", ""),
    ]
    assert found.total_ms == 2000


def test_bars_follow_each_other_and_fill_the_width(saved: None) -> None:
    bars = [(leg.starts, leg.waits, leg.answers, leg.good) for leg in told().legs]
    assert bars == [(0, 100, 0, False), (100, 50, 100, False), (250, 250, 500, True)]


def test_the_page_tells_it(finance: Client, saved: None) -> None:
    html = page(finance, f"/spend/entries/{ID}/")
    seen = text_of(html)
    assert (
        "Answered by gemini/gemini-2.5-flash at attempt 3, when auto was asked for. 2,000 ms in all." in seen
    )
    assert (
        "3. gemini/gemini-2.5-flash of another vendor was called instead and answered : 1,500 ms, first byte"
        " after 500 ms ." in seen.replace("answered:", "answered :").replace("500 ms.", "500 ms .")
    )
    assert '<rect class="answers" x="500" width="500" height="10"/>' in html
    assert html.count('<rect class="failed" x=') == 4


def test_the_page_leads_to_what_is_like_it(finance: Client, saved: None, month: Month) -> None:
    html = page(finance, f"/spend/entries/{ID}/")
    day = "/spend/entries/?from=2026-11-20&amp;to=2026-11-20"
    assert f'href="{day}&amp;team=search"' in html
    assert f'href="{day}&amp;key={month.search.prefix}"' in html
    assert f'href="{day}&amp;model=gemini%2Fgemini-2.5-flash"' in html
    assert f'href="{day}&amp;tag=feature&amp;tag_value=a%26b"' in html
    assert ">plan=pro</a>" in html


def test_a_call_that_was_answered_at_once_is_one_sentence(month: Month) -> None:
    entry = factories.make_entry(key=month.ads, model=month.haiku, usage=Usage(), cost=None)
    assert told(entry.request_id).summary == "Answered by anthropic/claude-haiku-4-5 at once, as it asked."


def test_nobody_answered(month: Month) -> None:
    lost = factories.make_entry(
        key=month.ads, model=month.haiku, usage=None, outcome="lost", cost_reason="lost", latency_ms=None
    )
    found = told(lost.request_id)
    assert found.summary == (
        "No answer: one attempt, and the last one never ended: the worker that called it died."
    )
    assert found.total_ms is None
    assert [(leg.starts, leg.waits, leg.answers) for leg in found.legs] == [(0, 0, 0)]


def test_our_cache_answered(month: Month) -> None:
    hit = factories.make_entry(
        key=month.ads,
        model=month.haiku,
        usage=Usage(),
        kind="cache_hit",
        cost=Decimal(0),
        cost_reason="cache_hit",
    )
    assert told(hit.request_id).summary == "Answered from our cache: no vendor was called."


def test_parts_and_corrections_are_no_attempts(month: Month) -> None:
    entry = factories.make_entry(key=month.ads, model=month.haiku, usage=Usage(output=1), cost=None)
    factories.make_entry(
        key=month.ads, model=month.flash, usage=Usage(output=1), request_id=entry.request_id, part=1
    )
    factories.make_entry(
        key=month.ads,
        model=month.haiku,
        usage=Usage(),
        request_id=entry.request_id,
        kind="correction",
        corrects_id=entry.pk,
        note="from the invoice",
    )
    assert len(told(entry.request_id).legs) == 1

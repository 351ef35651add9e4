"""Breakers, credentials and checks on the page, for people who see every team."""

import datetime as dt
import json
import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import Credential, LanguageModel, Provider
from metering.spend.money import NOTHING
from proxy.models import Breaker, BreakerEvent, CredentialState, HealthCheck
from tests.metering.spend.test_pages import first_row_of, page, text_of
from tests.proxy.pages.conftest import AT, DAY, BadDay, attempt

URL = "/spend/reliability/"
REQUEST = uuid.UUID("01a1fd22-2ec4-7025-9baa-82c38324f8b3")


def breaker(provider: Provider, model: LanguageModel | None = None, **fields: Any) -> Breaker:
    return Breaker.objects.create(provider=provider, model=model, **({"changed_at": AT} | fields))


def happened(of: Breaker, minute: float, was: str, now: str, reason: str, **fields: Any) -> BreakerEvent:
    at = AT + dt.timedelta(minutes=minute)
    return BreakerEvent.objects.create(breaker=of, at=at, was=was, now=now, reason=reason, **fields)


def chart(html: str, name: str) -> Any:
    found = re.search(rf'<script id="figure-{name}" type="application/json">(.*?)</script>', html, re.DOTALL)
    return json.loads(found[1]) if found else None


@pytest.fixture
def outage(bad_day: BadDay) -> Breaker:
    """openai: open at 12:01, probed at 12:02, closed at 12:02:30."""
    of = breaker(bad_day.gpt.provider)
    sample = {"request_id": str(REQUEST), "error_class": "provider", "model": 1, "status": 502}
    told = {"failures": 5, "calls": 9, "samples": [sample]}
    happened(of, 1, "closed", "open", "consecutive_failures", evidence=told)
    happened(of, 2, "open", "half_open", "cooldown_over")
    happened(of, 2.5, "half_open", "closed", "probe_succeeded", evidence={"probe": 1})
    return of


def test_an_outage_is_told_with_its_reason_evidence_and_requests(finance: Client, outage: Breaker) -> None:
    html = page(finance, f"{URL}?{DAY}")
    assert first_row_of(html, "2026-11-20 12:01:00 UTC") == [
        *("2026-11-20 12:01:00 UTC", "openai", "Open", "Failures in a row"),
        *("calls 9, failures 5", "8324f8b3 provider 502"),
    ]
    assert f'href="/spend/entries/{REQUEST}/"' in html
    assert first_row_of(html, "2026-11-20 12:02:30 UTC")[2:4] == ["Closed", "Probe succeeded"]
    assert "All 1 are closed now." in text_of(html)


def test_the_timeline_has_a_bar_for_each_span(finance: Client, outage: Breaker) -> None:
    drawn = chart(page(finance, f"{URL}?{DAY}"), "breakers")
    bars = {trace["name"]: (trace["base"], trace["x"], trace["y"]) for trace in drawn["data"]}
    assert bars == {
        "Open": (["2026-11-20T12:01:00"], [60_000.0], ["openai"]),
        "Half open": (["2026-11-20T12:02:00"], [30_000.0], ["openai"]),
    }
    assert "calls 9, failures 5" in drawn["data"][0]["customdata"][0]


def test_latencies_above_ten_seconds_are_drawn_in_seconds(finance: Client, bad_day: BadDay) -> None:
    def axis_and_bar() -> tuple[str, float]:
        drawn = chart(page(finance, f"{URL}?{DAY}"), "latency")
        bars = {trace["name"]: dict(zip(trace["x"], trace["y"], strict=True)) for trace in drawn["data"]}
        return drawn["layout"]["yaxis"]["ticksuffix"], float(bars["p99"]["openai"])

    assert axis_and_bar() == (" ms", 700)
    attempt(bad_day.ads, bad_day.gpt, "ok", latency_ms=42_500)
    assert axis_and_bar() == (" s", 42.5)


def test_what_opened_before_the_period_is_in_it_while_it_lasts(finance: Client, bad_day: BadDay) -> None:
    of = breaker(bad_day.flash.provider, bad_day.flash, state="open", opened_at=AT)
    happened(of, 0, "closed", "open", "failure_rate")
    html = page(finance, f"{URL}?from=2026-11-21&to=2026-11-21")
    [trace] = chart(html, "breakers")["data"]
    assert (trace["y"], trace["base"]) == (["gemini/flash"], ["2026-11-21T00:00:00"])
    assert "gemini/flash : open since 2026-11-20 12:00:00" in text_of(html)
    assert "Nothing happened to them in this period." in html


def test_what_is_held_by_hand_says_why_and_by_whom(finance: Client, bad_day: BadDay) -> None:
    of = breaker(bad_day.gpt.provider, state="open", opened_at=AT, forced="open", note="maintenance")
    happened(of, 0, "closed", "open", "manual", by=bad_day.boss, note="maintenance")
    html = page(finance, f"{URL}?{DAY}")
    assert "openai : open since 2026-11-20 12:00:00 UTC held open maintenance" in text_of(html)
    assert first_row_of(html, "2026-11-20 12:00:00 UTC")[3] == "By hand, fin: maintenance"


def test_a_note_of_an_earlier_hold_is_not_said_of_the_next_trouble(finance: Client, bad_day: BadDay) -> None:
    breaker(bad_day.gpt.provider, state="open", opened_at=AT, note="maintenance")
    assert "maintenance" not in page(finance, f"{URL}?{DAY}")


def test_it_is_open_since_it_first_opened_and_its_last_failed_probe_is_told(
    finance: Client, bad_day: BadDay
) -> None:
    minute = dt.timedelta(minutes=1)
    of = breaker(bad_day.gpt.provider, state="open", opened_at=AT + 3 * minute)
    happened(of, -60, "closed", "open", "failure_rate")
    happened(of, -50, "half_open", "closed", "probe_succeeded")
    happened(of, 1, "closed", "open", "consecutive_failures")
    for minutes in (2, 3):
        happened(of, minutes, "half_open", "open", "probe_failed")
    html = page(finance, f"{URL}?{DAY}")
    assert "openai : open since 2026-11-20 12:01:00 UTC, last probe 2026-11-20 12:03:00 UTC" in text_of(html)


def test_a_drained_region_is_told(finance: Client, bad_day: BadDay) -> None:
    of = breaker(bad_day.gpt.provider, drained_since=AT)
    happened(of, 0, "closed", "closed", "drained", evidence={"threshold_seconds": 3.0})
    html = page(finance, f"{URL}?{DAY}")
    assert "openai : closed, drained since 2026-11-20 12:00:00" in text_of(html)
    assert first_row_of(html, "2026-11-20 12:00:00 UTC")[2:5] == [
        *("Drained", "p99 too slow for too long", "threshold seconds 3"),
    ]


def test_credentials_that_rest_are_listed_until_they_may_work_again(finance: Client, bad_day: BadDay) -> None:
    now = timezone.now()
    openai, second = bad_day.gpt.provider, Credential(provider=bad_day.gpt.provider, name="second")
    second.save()
    hour = dt.timedelta(hours=1)
    CredentialState.objects.create(
        provider=openai,
        reason="rejected",
        since=now - hour,
        until=now + hour,
        times=3,
        status=401,
        code="bad",
    )
    CredentialState.objects.create(
        provider=openai,
        credential=second,
        model=bad_day.gpt,
        reason="rate_limited",
        since=now - hour,
        until=now - dt.timedelta(seconds=1),
    )
    html = page(finance, f"{URL}?{DAY}")
    cells = first_row_of(html, "openai default")
    assert cells[1:3] == ["all models", "Rejected by the vendor"]
    assert cells[5:] == ["3", "401 bad", NOTHING]
    assert "openai second" not in html


def test_the_last_health_checks(finance: Client, bad_day: BadDay) -> None:
    HealthCheck.objects.create(
        provider=bad_day.gpt.provider,
        claimed_at=AT,
        checked_at=AT,
        healthy=False,
        detail="connection refused",
        in_a_row=4,
    )
    HealthCheck.objects.create(provider=bad_day.flash.provider, claimed_at=AT)
    html = page(finance, f"{URL}?{DAY}")
    checks = html[html.index("Last health checks") :]
    assert first_row_of(checks, "openai") == [
        *("openai", "unhealthy", "2026-11-20 12:00:00 UTC", "not known", "4", "connection refused"),
    ]
    assert "gemini" not in checks


def test_a_model_is_shown_with_its_own_breaker_and_its_providers(
    finance: Client, bad_day: BadDay, outage: Breaker
) -> None:
    own = breaker(bad_day.gpt.provider, bad_day.gpt, state="open", opened_at=AT)
    happened(own, 0, "closed", "open", "failure_rate")
    other = breaker(bad_day.flash.provider, bad_day.flash, state="open", opened_at=AT)
    happened(other, 0, "closed", "open", "failure_rate")
    drawn = chart(page(finance, f"{URL}?{DAY}&model=openai/gpt-4o"), "breakers")
    assert drawn["layout"]["yaxis"]["categoryarray"] == ["openai/gpt-4o", "openai"]

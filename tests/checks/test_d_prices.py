"""Checks D1 to D5, D7, D9 and D12: where prices come from, who sets them, and what they are the price of."""

import datetime as dt
import io
import re
import socket
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from catalog import checks, feeds, pricebook, pricesync, proposals, seeding, snapshot
from catalog.models import LanguageModel, Price, PriceProposal
from catalog.periods import Slot, Terms
from catalog.rates import Rates
from metering import costing
from metering.models import CostEntry
from metering.usage import Usage
from tests import factories
from tests.catalog import builders as b
from tests.catalog.test_pricesync import book, row, seeded
from tests.metering import prices as rows
from tests.metering.test_bookkeeping import entry as booked

pytestmark = pytest.mark.django_db

MILLION = Usage(input=1_000_000)


@pytest.fixture
def keeper() -> Client:
    client = Client()
    client.force_login(factories.make_user("ann", role="Catalog admin"))
    return client


@pytest.fixture
def model() -> LanguageModel:
    return b.model(provider=b.provider(name="openai", kind="openai"), name="gpt-x")


def rows_of(model: LanguageModel) -> list[snapshot.PriceRow]:
    return [snapshot.price_row(price) for price in model.prices.order_by("effective_from")]


def cost_at(model: LanguageModel, moment: dt.datetime) -> costing.Cost:
    return costing.cost_of(MILLION, rows_of(model), at=moment, variant="standard")


# D1


def test_d1_calls_without_a_price_are_unknown_and_named_by_page_admin_and_command(keeper: Client) -> None:
    """Pricing them later, once and with a reason: tests/checks/test_i_corrections.py."""
    key, today = factories.make_key(), timezone.localdate()
    factories.make_entry(
        key=key, model=factories.make_model("gpt-next"), usage=MILLION, started_at=timezone.now()
    )
    out = io.StringIO()
    call_command("spend", "--from", str(today), "--to", str(today), "--format", "json", stdout=out)

    assert CostEntry.objects.get().cost is None
    assert "excludes 1 of unknown cost" in keeper.get("/spend/").content.decode()
    assert '"unpriced": 1' in out.getvalue()
    banner = keeper.get("/admin/").content.decode()
    assert "entry has no known cost (since" in banner
    assert "openai/gpt-next (1)</a>" in banner


# D2


def test_d2_a_route_to_a_model_without_a_price_fails_the_system_check() -> None:
    model = b.model(name="m", provider=b.provider(name="acme"))
    b.target(model=model, route=b.route(name="warm"))

    [unpriced] = checks.check_price_book(["default"])
    b.price(model=model, output=None)
    [incomplete] = checks.check_price_book(["default"])

    assert (unpriced.id, incomplete.id) == ("catalog.W001", "catalog.W001")
    assert "acme/m: no price in force (routes: warm)" in unpriced.msg
    assert "acme/m: no rate for output (routes: warm)" in incomplete.msg
    with pytest.raises(SystemCheckError):
        call_command("check", "--fail-level", "WARNING", databases=["default"], stderr=io.StringIO())


# D3


def test_d3_each_call_costs_what_held_when_it_came_and_keeps_it() -> None:
    model = factories.make_model()
    old = factories.make_price(model, input="3", output="3")
    key, change = factories.make_key(), b.NOW + dt.timedelta(hours=1)
    draft = proposals.draft(
        model=model,
        slot=Slot(),
        terms=Terms(Rates(input=Decimal(2), output=Decimal(2))),
        effective_from=change,
        made_by="ann",
        source="admin: ann",
        note="",
        at=b.NOW,
    )
    entry = factories.make_entry(key=key, model=model, price=old, usage=MILLION, started_at=b.NOW)
    before = CostEntry.objects.values().get(pk=entry.pk)

    new = proposals.accept(draft, by="bob", at=b.NOW)

    assert new is not None
    second = dt.timedelta(seconds=1)
    found = [cost_at(model, moment) for moment in (b.NOW, change - second, change, change + second)]
    assert [(cost.usd, cost.price_id) for cost in found] == [
        (Decimal(3), old.pk),
        (Decimal(3), old.pk),
        (Decimal(2), new.pk),
        (Decimal(2), new.pk),
    ]
    assert CostEntry.objects.values().get(pk=entry.pk) == before
    assert before["price_id"] == old.pk


def test_d3_two_prices_of_one_moment_are_refused_by_the_database() -> None:
    price = b.price(effective_to=b.FUTURE)

    with pytest.raises(IntegrityError, match="price_no_overlap"), transaction.atomic():
        b.price(model=price.model, effective_from=b.FUTURE - dt.timedelta(seconds=1))


# D4


def test_d4_a_sync_only_proposes_and_says_what_changes_whence_and_since_when(
    model: LanguageModel, keeper: Client
) -> None:
    before = rows_of(seeded(model).model)

    pricesync.sync(book=book(row(input="2"), source="genai-prices 0.3.0"), accept_new=True, at=b.NOW)

    draft = PriceProposal.objects.get()
    html = keeper.get(f"/admin/catalog/priceproposal/{draft.pk}/change/").content.decode()
    assert rows_of(model) == before
    cells = re.findall(r'<th scope="row">input</th>(.*?)</tr>', html, re.DOTALL)[0]
    assert re.findall(r">([^<>]+)<", cells) == ["1", "2", "\N{EN DASH}", "2"]
    assert "genai-prices 0.3.0" in html
    assert draft.source_date == b.NOW.date()


def test_d4_what_a_person_set_survives_every_later_sync(model: LanguageModel) -> None:
    """Also where the book names a price of its own for it, changes it, and forgets it."""
    seeded(model)
    draft = proposals.draft(
        model=model,
        slot=Slot(),
        terms=Terms(Rates(input=Decimal("0.9"), output=Decimal(5))),
        effective_from=b.NOW,
        made_by="ann",
        source="admin: ann",
        note="contract",
        at=b.NOW,
    )
    proposals.accept(draft, by="bob", at=b.NOW)
    later = b.NOW + dt.timedelta(days=1)

    for theirs in (book(row()), book(row(input="4")), book(row(input="0.5")), book()):
        report = pricesync.sync(book=theirs, accept_new=True, at=later)
        assert (report.outcomes, report.kept) == ((), 1)

    assert cost_at(model, later).usd == Decimal("0.9")
    assert not PriceProposal.objects.filter(from_feed=True).exists()


# D5


def test_d5_a_zero_a_twentyfold_and_a_missing_price_are_held_for_a_person(model: LanguageModel) -> None:
    provider = model.provider
    others = [b.model(provider=provider, name=name) for name in ("gpt-y", "gpt-z")]
    for each in (model, *others):
        seeded(each)
    theirs = book(row(input="0"))
    twentyfold = theirs.vendors[0].models[0]._replace(name="gpt-y", prices=(row(input="20"),))
    theirs = theirs._replace(
        vendors=(theirs.vendors[0]._replace(models=(*theirs.vendors[0].models, twentyfold)),)
    )

    report = pricesync.sync(book=theirs, accept_new=True, at=b.NOW)

    assert {outcome.finding.model.name: outcome.finding.reason for outcome in report.outcomes} == {
        "gpt-x": "HELD BACK: a rate crosses zero: input 1 -> 0",
        "gpt-y": "HELD BACK: a rate moves 10x or more: input 1 -> 20",
        "gpt-z": "HELD BACK: missing in the price book now",
    }
    assert {outcome.result for outcome in report.outcomes} == {"proposed"}
    assert {cost_at(each, b.NOW).usd for each in (model, *others)} == {Decimal(1)}


def test_d5_seven_days_without_a_successful_sync_raise_an_alert(keeper: Client) -> None:
    feeds.succeeded(name="genai-prices", source="genai-prices 1", at=b.NOW - dt.timedelta(days=7, hours=1))
    broken: Any = pricebook.PriceBook("genai-prices 2", (None,), ())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        pricesync.sync(book=broken, accept_new=False, at=b.NOW)

    assert [warning.id for warning in checks.check_price_book(["default"])] == ["catalog.W002"]
    assert (
        "source of prices compared with the catalog long ago, last: genai-prices 1 on"
        in keeper.get("/admin/").content.decode()
    )

    pricesync.sync(book=book(), accept_new=False, at=b.NOW)
    assert checks.check_price_book(["default"]) == []


# D7


def test_d7_the_price_that_is_shown_times_the_tokens_is_what_was_booked(keeper: Client) -> None:
    price = factories.make_price(input="0.075", output="0.000001", cache_read="1.234567", reasoning="12.5")
    usage = Usage(input=1_234_567, output=7_654_321, cache_read=89, reasoning=1_000)
    cost = costing.cost_of(usage, [snapshot.price_row(price)], at=timezone.now(), variant="standard")
    assert cost.usd is not None
    entry = factories.make_entry(
        key=factories.make_key(), model=price.model, price=price, usage=usage, cost=cost.usd
    )

    html = keeper.get(f"/admin/catalog/price/{price.pk}/change/").content.decode()
    rate = re.compile(r"<label>([A-Za-z ]+):</label>\s*<div class=\"readonly\">([0-9.]+)</div>")
    shown = {name.lower().replace(" ", "_"): Decimal(value) for name, value in rate.findall(html)}

    entry.refresh_from_db()
    del shown["above_input_tokens"]
    assert shown == {name: getattr(price, name) for name in ("input", "output", "cache_read", "reasoning")}
    expected = sum(getattr(usage, name) * value for name, value in shown.items())
    assert entry.cost == expected / 1_000_000 == Decimal("0.105210055784")


# D9


@pytest.mark.parametrize("answered", ["gpt-x", "gpt-x-2026-01-01", "gpt-35-turbo", "azure", "a/b", ""])
def test_d9_the_price_is_that_of_the_model_that_was_called_whatever_the_answer_says(answered: str) -> None:
    entry = booked(usage=Usage(input=1_000_000), prices=[rows.row(5, input="1")], served_model=answered)

    assert (entry.price_id, entry.cost) == (5, Decimal(1))
    assert (entry.model_id, entry.served_model, entry.route) == (3, answered, "warm")


def test_d9_so_is_a_draft_of_a_name_with_slashes(keeper: Client) -> None:
    """No name is taken apart: provider and model are rows."""
    model = b.model(provider=b.provider(name="router"), name="meta/llama/70b")
    b.price(model=model)

    assert cost_at(model, b.NOW).usd == Decimal(1)
    assert model.full_name == "router/meta/llama/70b"


# D12


def test_d12_prices_come_with_the_package_and_need_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's driver opens its own sockets, in C; whatever Python opens would be refused."""

    def refused(*args: Any) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    pricebook.read.cache_clear()

    seeding.seed(at=b.NOW)

    haiku = LanguageModel.objects.get(provider__name="anthropic", name="claude-haiku-4-5")
    assert cost_at(haiku, b.NOW).usd == Decimal(1)
    assert Price.objects.count() > 500

"""Models that can be called without a price, feeds that nobody reads: found by a check and by the admin."""

import datetime as dt
import io
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from catalog import checks, feeds, pricebook, pricesync, pricing_gaps, seeding
from catalog.models import LanguageModel, PriceFeed
from catalog.pricing_gaps import Gap
from metering.usage import Usage
from tests import factories
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db


def model(**values: Any) -> LanguageModel:
    provider = values.pop("provider", None) or b.provider(name="acme")
    return b.model(**{"name": "m", "provider": provider, **values})


def gaps() -> list[Gap]:
    return pricing_gaps.gaps(at=b.NOW)


class TestGaps:
    def test_a_model_with_a_price_has_none(self) -> None:
        b.price(model=model())

        assert gaps() == []

    def test_a_model_without_a_price(self) -> None:
        model()

        assert gaps() == [Gap("acme/m", ())]

    @pytest.mark.parametrize(
        "price",
        [
            {"effective_from": b.FUTURE},
            {"effective_to": b.NOW - dt.timedelta(days=1)},
            {"variant": "batch"},
            {"above_input_tokens": 9},
            {"daily_from": "09:00", "daily_to": "17:00"},
        ],
        ids=["to come", "over", "another tier", "above a threshold", "at peak hours"],
    )
    def test_a_price_that_does_not_hold_for_every_call_of_now(self, price: dict[str, Any]) -> None:
        b.price(model=model(), **price)

        assert gaps() == [Gap("acme/m", ())]

    @pytest.mark.parametrize(
        ("values", "rates", "missing"),
        [
            ({}, {"output": None}, ("output",)),
            ({}, {"input": None, "output": None, "per_request": "0.01"}, ("input", "output")),
            ({"capabilities": {"embeddings": True}}, {"output": None}, None),
            ({}, {"input": "0", "output": "0"}, None),
        ],
        ids=["no output", "a fee alone", "embeddings have no output", "free is a price"],
    )
    def test_a_rate_that_answers_need(
        self, values: dict[str, Any], rates: dict[str, Any], missing: tuple[str, ...] | None
    ) -> None:
        b.price(model=model(**values), **rates)

        assert gaps() == ([] if missing is None else [Gap("acme/m", missing)])

    def test_anthropics_caches_may_be_written_for_an_hour(self) -> None:
        claude = b.provider(name="claude", kind="anthropic")
        claude.set_credential("sk")
        claude.save()
        b.price(model=model(provider=claude))

        assert gaps() == [Gap("claude/m", ("cache_write_1h",))]

    def test_routes_that_lead_to_it_are_named(self) -> None:
        unpriced = model()
        b.target(model=unpriced, route=b.route(name="warm"))
        b.target(model=unpriced, route=b.route(name="off", enabled=False))

        assert [str(gap) for gap in gaps()] == ["acme/m: no price in force (routes: warm)"]

    def test_what_cannot_be_called_needs_no_price(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ABSENT_API_KEY", raising=False)
        model(enabled=False)
        model(provider=b.provider(enabled=False))
        model(provider=b.provider(kind="openai"))
        model(provider=b.provider(kind="openai", api_key_env="ABSENT_API_KEY"))
        model(provider=b.provider(api_key_env="ABSENT_API_KEY"))

        assert gaps() == []

    def test_a_credential_in_the_environment_or_a_further_one_will_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PRESENT_API_KEY", "sk")
        first = b.provider(name="a", kind="openai", api_key_env="PRESENT_API_KEY")
        second = b.provider(name="b", kind="openai")
        b.credential(provider=second, api_key_env="PRESENT_API_KEY")
        third = b.provider(name="c", kind="openai")
        b.credential(provider=third, api_key_env="PRESENT_API_KEY", enabled=False)
        for provider in (first, second, third):
            model(provider=provider)

        assert [gap.model for gap in gaps()] == ["a/m", "b/m"]

    def test_five_queries_whatever_the_number_of_models(self, django_assert_num_queries: Any) -> None:
        for number in range(5):
            model(name=f"m-{number}", provider=b.provider())

        with django_assert_num_queries(5):
            gaps()


class TestFeeds:
    def test_a_comparison_is_kept(self) -> None:
        pricesync.sync(book=pricebook.PriceBook("genai-prices 9", (), ()), accept_new=False, at=b.NOW)

        feed = PriceFeed.objects.get()
        assert (feed.name, feed.source, feed.succeeded_at) == ("genai-prices", "genai-prices 9", b.NOW)

    @pytest.mark.parametrize(("days", "silent"), [(7, False), (7.001, True)])
    def test_seven_days_of_silence_are_too_many(self, days: float, silent: bool) -> None:
        feeds.succeeded(name="book", source="book 1", at=b.NOW - dt.timedelta(days=days))

        assert bool(feeds.silent(at=b.NOW)) is silent

    def test_patience_begins_when_the_catalog_is_filled(self) -> None:
        seeding.seed(at=b.PAST)
        seeding.seed(at=b.NOW)

        assert [feed.since for feed in feeds.silent(at=b.NOW)] == [b.PAST]

    def test_a_comparison_that_fails_is_no_comparison(self) -> None:
        feeds.succeeded(name="genai-prices", source="1", at=b.PAST)
        broken: Any = pricebook.PriceBook("2", (None,), ())  # type: ignore[arg-type]

        with pytest.raises(TypeError):
            pricesync.sync(book=broken, accept_new=False, at=b.NOW)

        assert PriceFeed.objects.get().succeeded_at == b.PAST


class TestCheck:
    def test_nothing_is_wrong_with_an_empty_catalog(self) -> None:
        assert checks.check_price_book(["default"]) == []

    def test_it_asks_no_database_that_it_was_not_given(self) -> None:
        model()

        assert checks.check_price_book() == []

    def test_a_model_without_a_price_is_a_warning(self) -> None:
        model()
        stderr = io.StringIO()

        call_command("check", databases=["default"], stderr=stderr)

        assert "(catalog.W001) 1 models can be called" in stderr.getvalue()
        assert "acme/m: no price in force" in stderr.getvalue()

    def test_a_silent_feed_is_a_warning(self) -> None:
        feeds.succeeded(name="book", source="book 1", at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))

        [warning] = checks.check_price_book(["default"])

        assert (warning.id, warning.msg) == (
            "catalog.W002",
            "the prices of book 1 were last compared with the catalog on 2026-01-02",
        )

    def test_before_the_first_migration_there_is_nothing_to_check(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE catalog_pricefeed RENAME TO not_there_yet")

        assert checks.check_price_book(["default"]) == []


@pytest.fixture
def keeper() -> Client:
    client = Client()
    client.force_login(factories.make_user("ann", role="Catalog admin"))
    return client


class TestAdmin:
    def test_the_first_page_says_so_when_nothing_is_wrong(self, keeper: Client) -> None:
        factories.make_model()
        factories.make_key()

        assert "All is well." in keeper.get("/admin/").content.decode()

    def test_it_names_models_with_calls_of_unknown_cost(self, keeper: Client) -> None:
        key, unpriced = factories.make_key(), factories.make_model("gpt-next")
        for _ in range(3):
            factories.make_entry(key=key, model=unpriced, usage=Usage(input=1), started_at=timezone.now())

        html = keeper.get("/admin/").content.decode()

        assert f"<p>entries have no known cost (since {timezone.localdate()}): no price held" in html
        assert '<span class="count">3</span>' in html
        assert ">openai/gpt-next (3)</a>" in html
        link = re.search(r'href="(/spend/entries/[^"]*gpt-next[^"]*)"', html)
        assert link
        assert keeper.get(link[1].replace("&amp;", "&")).content.decode().count("openai/gpt-next") >= 3

    def test_it_names_models_that_can_be_called_without_a_price(self, keeper: Client) -> None:
        model()

        html = keeper.get("/admin/").content.decode()

        assert "<p>model can be called without a price for what it returns: acme/m: no price in force" in html

    def test_it_says_when_a_feed_was_last_read(self, keeper: Client) -> None:
        feeds.succeeded(name="book", source="book 1", at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))

        assert (
            "source of prices compared with the catalog long ago, last: book 1 on 2026-01-02."
            in keeper.get("/admin/").content.decode()
        )

    def test_it_counts_the_drafts_that_wait(self, keeper: Client) -> None:
        b.proposal()
        b.proposal()

        assert "<p>price drafts wait for a decision." in keeper.get("/admin/").content.decode()

    def test_who_sees_no_prices_sees_no_warnings(self) -> None:
        model()
        lead = Client()
        lead.force_login(factories.make_user("lea", role="Team lead"))

        assert "All is well." in lead.get("/admin/").content.decode()

    def test_a_route_to_a_model_without_a_price_is_kept_and_said(self) -> None:
        root = Client()
        root.force_login(factories.make_user("root", is_superuser=True))
        form = {"name": "warm", "strategy": "ordered", "cache_ttl": 0, "enabled": "on"}
        targets = {"targets-TOTAL_FORMS": 1, "targets-INITIAL_FORMS": 0, "targets-0-model": model().pk}
        targets |= {"targets-0-position": 0, "targets-0-weight": 1}

        answer = root.post("/admin/catalog/route/add/", form | targets, follow=True)

        said = "Calls will be booked as of unknown cost. acme/m: no price in force (routes: warm)."
        assert said in answer.content.decode()

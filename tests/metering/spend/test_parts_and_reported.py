"""Rows of several models in one answer, and rows beside the vendor's own figure, as people see them."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog.models import ApiKey, Price
from catalog.visibility import Visibility
from metering import verification
from metering.models import CostEntry, Limit, LimitWindow
from metering.spend import filters
from metering.spend.budgets import standing as budgets
from metering.usage import Usage
from tests import factories
from tests.metering import house as ledger
from tests.metering.spend.test_pages import page, table, text_of

REQUEST = uuid.UUID(int=7 << 76)
URL = f"/spend/entries/{REQUEST}/"
DAY = "from=2026-11-20&to=2026-11-20"


@pytest.fixture
def finance(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


@pytest.fixture
def key(db: None) -> ApiKey:
    return factories.make_key()


@pytest.fixture
def fable(db: None) -> Price:
    seller = factories.make_provider("anthropic", kind="anthropic")
    return factories.make_price(
        factories.make_model("claude-fable-5", provider=seller), input="10", output="50"
    )


@pytest.fixture
def opus(fable: Price) -> Price:
    other = factories.make_model("claude-opus-4-8", provider=fable.model.provider)
    return factories.make_price(other, input="5", output="25")


@pytest.fixture
def answer(key: ApiKey, fable: Price) -> Callable[..., CostEntry]:
    """Books an answer of claude-fable-5, or a part of it."""

    def book(price: Price | None = fable, **fields: Any) -> CostEntry:
        given: dict[str, Any] = {
            "usage": Usage(input=100),
            "request_id": REQUEST,
            "price": price,
            "model": fable.model,
        }
        if fields.get("part"):
            given |= {"latency_ms": None, "flags": ["other_model_usage"]}
        return factories.make_entry(key=key, **(given | fields))

    return book


@pytest.fixture
def parts(answer: Callable[..., CostEntry], fable: Price, opus: Price) -> None:
    """claude-fable-5 was called ($0.001) and handed over to claude-opus-4-8 ($0.0005). As in the gateway the
    further part is booked first."""
    answer(opus, model=opus.model, part=1, served_model="claude-opus-4-8")
    answer(flags=["other_model_usage"], served_model="claude-opus-4-8")


@pytest.mark.usefixtures("parts")
class TestSeveralModelsInOneAnswer:
    def test_the_called_model_comes_first_then_who_worked_on_it_too(self, finance: Client) -> None:
        seen = text_of(page(finance, URL))

        called = seen.index("Part 1 of attempt 1: anthropic/claude-fable-5 was called")
        assert called < seen.index("Part 2 of attempt 1: anthropic/claude-opus-4-8 worked on this answer too")
        assert "The vendor let 2 models work on this one answer." in seen
        assert f"Request {REQUEST} $0.0015 " in seen
        assert seen.count("Latency") == 1

    def test_a_part_without_a_price_names_the_model_that_is_missing(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        unknown: dict[str, Any] = {"cost": None, "cost_reason": "unpriced", "exposure": Decimal("0.25")}
        answer(None, part=2, served_model="claude-mythos-1", **unknown)
        seen = text_of(page(finance, URL))

        assert "$0.0015 + 1 of unknown cost" in seen
        assert "Part 3 of attempt 1: claude-mythos-1 worked on this answer too" in seen
        assert "anthropic is not known to sell claude-mythos-1." in seen
        assert "counted under anthropic/claude-fable-5, without a cost." in seen
        assert "for claude-mythos-1" in text_of(page(finance, f"/spend/entries/?{DAY}"))

    def test_a_correction_stands_behind_the_part_that_it_corrects(
        self, finance: Client, answer: Callable[..., CostEntry], opus: Price
    ) -> None:
        wrong = CostEntry.objects.get(part=1)
        answer(opus, model=opus.model, attempt=2)
        answer(
            None,
            model=opus.model,
            usage=Usage(),
            kind="correction",
            corrects_id=wrong.pk,
            cost=Decimal("0.0001"),
            latency_ms=None,
        )
        seen = text_of(page(finance, URL))

        said = "It changes what part 2 of attempt 1 cost by +$0.0001 : from $0.0005 to $0.0006."
        assert seen.index("Part 2 of attempt 1:") < seen.index(said) < seen.index("Attempt 2:")
        assert "Correction of part 2 of attempt 1: anthropic/claude-opus-4-8" in seen

    def test_list_and_file_say_which_part_it_is(self, finance: Client) -> None:
        assert text_of(page(finance, f"/spend/entries/?{DAY}")).count("part 2") == 1
        rows = table(finance, f"/spend/entries/export.csv?{DAY}")
        assert [(row["part"], row["model"], row["served_model"], row["cost_usd"]) for row in rows] == [
            ("0", "anthropic/claude-fable-5", "claude-opus-4-8", "0.001"),
            ("1", "anthropic/claude-opus-4-8", "claude-opus-4-8", "0.0005"),
        ]

    def test_they_are_one_call_and_an_attempt_on_each_model(self, finance: Client) -> None:
        *_, total = table(finance, f"/spend/export.csv?{DAY}")
        assert (total["calls"], total["attempts"], total["cost_usd"]) == ("1", "2", "0.0015")
        assert total["cost_per_call_usd"] == "0.0015"
        by_model = table(finance, f"/spend/export.csv?{DAY}&by=model")
        assert [(row["group"], row["calls"], row["attempts"], row["cost_usd"]) for row in by_model] == [
            ("anthropic/claude-fable-5", "1", "1", "0.001"),
            ("anthropic/claude-opus-4-8", "0", "1", "0.0005"),
            ("", "1", "2", "0.0015"),
        ]
        assert verification.verify().differences == []


@pytest.mark.parametrize("opened_first", [True, False], ids=["booked into windows", "windows opened after"])
def test_limits_count_an_answer_of_two_parts_once(
    key: ApiKey, fable: Price, opus: Price, request: pytest.FixtureRequest, opened_first: bool
) -> None:
    scopes: dict[str, dict[str, Any]] = {
        "usd": {},
        "tokens": {"unit": "tokens"},
        "requests": {"unit": "requests"},
        "usd of opus": {"model": opus.model},
        "requests of opus": {"unit": "requests", "model": opus.model},
        "requests of fable": {"unit": "requests", "model": fable.model},
    }
    limits = {
        name: Limit.objects.create(team=key.team, amount=Decimal(1_000), period="total", **scope)
        for name, scope in scopes.items()
    }
    if not opened_first:
        request.getfixturevalue("parts")
    for limit in limits.values():
        ledger.open_window(limit)
    if opened_first:
        request.getfixturevalue("parts")

    spent = {name: LimitWindow.objects.get(limit=limit).spent for name, limit in limits.items()}
    assert spent == {
        "usd": Decimal("0.0015"),
        "tokens": 200,
        "requests": 1,
        "usd of opus": Decimal("0.0005"),
        "requests of opus": 0,
        "requests of fable": 1,
    }
    asked = filters.spend_filters({}, today=factories.AT.date())
    seen = Visibility(team_ids=None)
    shown = budgets.budgets(filters=asked, visibility=seen, now=factories.AT).rows
    assert [(row.scope, row.spent) for row in shown] == [
        ("whole team", Decimal("0.0015")),
        ("model anthropic/claude-opus-4-8", Decimal("0.0005")),
    ]
    assert verification.verify().differences == []


class TestTheVendorsOwnFigure:
    def test_beside_ours_it_is_said_how_far_apart_they_are(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        answer(reported_cost=Decimal(4200), flags=["reported_cost_diverges"])
        html = page(finance, URL)

        assert "The vendor itself says $4200" in text_of(html)
        assert "That is $4199.999 more than our price list gives ($0.001). Booked is our figure" in text_of(
            html
        )
        assert '<p class="alert">The vendor itself says' in html
        assert "$4200 diverges" in text_of(page(finance, f"/spend/entries/?{DAY}"))
        (row,) = table(finance, f"/spend/entries/export.csv?{DAY}")
        assert (row["cost_usd"], row["reported_cost_usd"]) == ("0.001", "4200")
        assert row["flags"] == "reported_cost_diverges"

    @pytest.mark.usefixtures("parts")
    def test_it_is_compared_with_all_parts_together(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        answer(attempt=2, reported_cost=Decimal("0.0015"), flags=["other_model_usage"], usage=Usage(input=50))
        opus = CostEntry.objects.get(part=1)
        answer(opus.price, model=opus.model, attempt=2, part=1, usage=Usage(input=200))

        assert "it charges $0.0015. Our price list gives the same." in text_of(page(finance, URL))

    def test_where_it_is_trusted_it_is_what_is_booked(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        trusted = {"cost": Decimal("0.313"), "cost_reason": "reported", "reported_cost": Decimal("0.313")}
        entry = answer(flags=["reported_cost_diverges"], **trusted)
        seen = text_of(page(finance, URL))

        assert "By our price list $0.001 Booked 100 $0.313" in seen
        assert "Booked is the vendor's own figure: this provider is trusted with it." in seen
        assert "That is $0.312 more than our price list gives ($0.001)." in seen
        assert "which is not what was booked" not in seen
        (row,) = table(finance, f"/spend/entries/export.csv?{DAY}")
        assert (row["cost_usd"], row["reported_cost_usd"]) == ("0.313", "0.313")
        admin = page(finance, f"/admin/metering/costentry/{entry.pk}/change/")
        assert "As the vendor reported it" in admin
        assert "$0.313 (the vendor&#x27;s own figure)" in admin

    def test_for_a_mixture_of_models_our_price_list_has_no_figure(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        trusted = {"cost": Decimal("0.313"), "cost_reason": "reported", "reported_cost": Decimal("0.313")}
        answer(flags=["other_model_usage"], **trusted)
        seen = text_of(page(finance, URL))

        assert "By our price list unknown Booked 100 $0.313" in seen
        assert "Another model worked on this answer too, and its share cannot be told apart." in seen

    def test_its_absence_is_said_where_it_is_trusted(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        answer(flags=["reported_cost_missing"])

        said = "The vendor's own figure would be booked here, but it gave none: this is our price list's."
        assert said in text_of(page(finance, URL))

    def test_without_any_there_is_no_column_for_it(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        answer()

        assert "Vendor says" not in page(finance, f"/spend/entries/?{DAY}")


class TestWhatCannotBePriced:
    """What was set aside is no upper bound here: a fee or a factor came on top."""

    def test_the_component_is_named(self, finance: Client, answer: Callable[..., CostEntry]) -> None:
        answer(
            cost=None,
            cost_reason="unpriced_component",
            flags=["unpriced:code_interpreter_call"],
            exposure=Decimal("0.25"),
        )
        seen = text_of(page(finance, URL))

        assert "No rate for a kind of token or fee that was used: $0.25, what was set aside, counts" in seen
        assert "A code interpreter call was billed and has no rate." in seen
        assert "at most" not in seen + text_of(page(finance, f"/spend/entries/?{DAY}"))

    def test_the_tier_is_explained(self, finance: Client, answer: Callable[..., CostEntry]) -> None:
        answer(None, cost_reason="unpriced_variant", variant="unknown", flags=["unknown_service_tier"])
        seen = text_of(page(finance, URL))

        assert "Service tier unknown" in seen
        assert "No price for the service tier that was served." in seen
        assert "The vendor served it in a service tier that is not known here, so it has no price." in seen
        assert table(finance, f"/spend/entries/export.csv?{DAY}")[0]["variant"] == "unknown"

    def test_what_was_lost_can_have_cost_no_more_than_was_set_aside(
        self, finance: Client, answer: Callable[..., CostEntry]
    ) -> None:
        answer(None, usage=None, cost_reason="lost", outcome="lost", exposure=Decimal("0.25"))

        assert "it may have cost $0.25 at most" in text_of(page(finance, URL))
        assert "at most $0.25" in text_of(page(finance, f"/spend/entries/?{DAY}"))

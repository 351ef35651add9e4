"""Entries priced again in batches: what is booked, what moves, and what stays."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from metering import verification
from metering.corrections import rerating, standing
from metering.corrections.scopes import Scope, ScopeError
from metering.models import CorrectionBatch, CostEntry, DailySpend, Limit, LimitWindow
from metering.usage import BUCKETS, OTHER_MODEL, Usage
from tests import factories
from tests.metering import house as h
from tests.metering.corrections.conftest import (
    AT,
    FIRST,
    LAST,
    NOVEMBER,
    Shop,
    at_right_price,
    book,
    book_unpriced,
    lost_and_late,
    rerate,
    total,
)


def test_a_wrong_price_is_taken_back_and_booked_again(shop: Shop) -> None:
    wrong = book(shop, tags={"feature": "search"}, upstream_id="chatcmpl-1", held="9.00")

    batch = rerate(at_right_price(shop))

    back, again = CostEntry.objects.filter(batch=batch).order_by("id")
    assert (back.kind, back.reverses, back.corrects_id) == ("correction", True, wrong.pk)
    assert (back.cost, back.input, back.output, back.price_id) == (
        Decimal("-7.5"),
        -1_000_000,
        -500_000,
        shop.wrong.pk,
    )
    assert (again.kind, again.reverses, again.corrects_id) == ("correction", False, wrong.pk)
    assert (again.cost, again.input, again.output, again.price_id) == (
        Decimal(6),
        1_000_000,
        500_000,
        shop.right.pk,
    )
    for row in (back, again):
        assert (row.request_id, row.attempt, row.started_at, row.day) == (
            wrong.request_id,
            1,
            wrong.started_at,
            wrong.day,
        )
        assert (row.tags, row.note) == ({"feature": "search"}, "ann: wrong price")
        assert (row.latency_ms, row.held, row.upstream_id) == (None, None, "")  # said once


def test_the_batch_says_who_why_how_many_and_how_much(shop: Shop) -> None:
    book(shop)
    book(shop, shop.ads)

    batch = rerate(at_right_price(shop), reason="the contract says 2.00", author="ann")

    assert (batch.kind, batch.state, batch.author) == ("re_rate", "done", "ann")
    assert (batch.reason, batch.corrected, batch.amount) == ("the contract says 2.00", 2, Decimal(-3))
    assert batch.done_at is not None
    assert Scope.from_text(batch.scope) == at_right_price(shop, model="openai/gpt-4o")


def test_totals_move_by_exactly_the_batch(shop: Shop) -> None:
    book(shop, usage=Usage(input=7, output=3))
    book(shop, shop.ads, started_at=AT - dt.timedelta(days=2))
    book(shop, shop.ads, usage=Usage(input=1, reasoning=11))
    before = total()
    by_group = {(row.team_id, row.day): row.cost for row in DailySpend.objects.all()}

    batch = rerate(at_right_price(shop))

    assert before is not None
    assert total() == before + batch.amount
    moved = CostEntry.objects.filter(batch=batch).values("team_id", "day").annotate(moved=Sum("cost"))
    assert {
        (row["team_id"], row["day"]): by_group[row["team_id"], row["day"]] + row["moved"] for row in moved
    } == {(row.team_id, row.day): row.cost for row in DailySpend.objects.all()}


def test_the_past_stays_readable(shop: Shop) -> None:
    wrong = book(shop)
    before = CostEntry.objects.filter(pk=wrong.pk).values().get()

    rerate(at_right_price(shop))

    assert CostEntry.objects.filter(pk=wrong.pk).values().get() == before


def test_tokens_calls_and_attempts_do_not_move(shop: Shop) -> None:
    book(shop)
    counted = ("calls", "attempts", "failed", "estimated", "overruns", "latency_ms", "answered", *BUCKETS)
    before = DailySpend.objects.values(*counted).get()

    rerate(at_right_price(shop))

    assert DailySpend.objects.values(*counted).get() == before


def test_what_stands_adds_up_to_everything(shop: Shop) -> None:
    book(shop)
    book_unpriced(shop)
    rerate(at_right_price(shop))
    factories.make_price(shop.unpriced, input="1.00", output="2.00")
    rerate()

    stands = standing.rows().standing()

    assert stands.aggregate(total=Sum("cost"))["total"] == total() == Decimal(8)
    assert [row.kind for row in stands.order_by("id")] == ["correction", "correction"]


def test_limits_get_the_difference_back(shop: Shop) -> None:
    limits = [
        Limit.objects.create(team=shop.search.team, amount=100),
        Limit.objects.create(team=shop.search.team, amount=100, tag_name="env", tag_value="prod"),
        Limit.objects.create(team=shop.search.team, amount=10**9, unit="tokens", period="day"),
    ]
    for limit in limits:
        h.open_window(limit)
    book(shop, tags={"env": "prod"})

    rerate(at_right_price(shop))

    assert [row.spent for row in LimitWindow.objects.order_by("id")] == [6, 6, 1_500_000]


class TestPricedLater:
    def test_an_unpriced_entry_gets_its_cost_and_frees_its_exposure(self, shop: Shop) -> None:
        limit = Limit.objects.create(team=shop.search.team, amount=100)
        window = h.open_window(limit)
        unpriced = book_unpriced(shop)
        assert h.window(window) == (0, 0, Decimal("0.60"))
        price = factories.make_price(shop.unpriced, input="1.00", output="2.00")

        batch = rerate(Scope(start=FIRST, end=LAST, unpriced=True))

        back, again = CostEntry.objects.filter(batch=batch).order_by("id")
        assert (back.cost, back.cost_reason, back.exposure) == (0, "unpriced", Decimal("-0.60"))
        assert (again.cost, again.cost_reason, again.price_id) == (2, "", price.pk)
        assert again.corrects_id == unpriced.pk
        assert h.window(window) == (0, 2, 0)
        row = DailySpend.objects.get()
        assert (row.unpriced, row.cost, row.exposure, row.input) == (0, 2, 0, 1_000_000)

    def test_one_without_any_bound_is_no_longer_without(self, shop: Shop) -> None:
        book_unpriced(shop, exposure=None)
        factories.make_price(shop.unpriced, input="1.00", output="2.00")

        rerate()

        row = DailySpend.objects.get()
        assert (row.unpriced, row.unbounded) == (0, 0)

    def test_a_late_answer_that_had_no_price(self, shop: Shop) -> None:
        """The lost entry states the hold, the late one takes it over: together they stand for 0.60."""
        _, late = lost_and_late(shop, model_id=shop.unpriced.pk, exposure="0.60")
        assert (late.kind, late.note, late.exposure) == ("correction", standing.LATE_NOTE, 0)
        factories.make_price(shop.unpriced, input="1.00", output="2.00")

        batch = rerate()

        assert (batch.corrected, batch.amount) == (1, 2)
        row = DailySpend.objects.get()
        assert (row.unpriced, row.cost, row.exposure) == (0, 2, 0)

    def test_a_late_answer_that_had_a_price_keeps_the_exposure_at_nothing(self, shop: Shop) -> None:
        lost_and_late(shop, cost="7.50")

        batch = rerate(at_right_price(shop))

        assert (batch.corrected, batch.amount) == (1, Decimal("-1.5"))
        assert (DailySpend.objects.get().exposure, total()) == (0, 6)

    def test_only_the_unpriced_are_asked_for(self, shop: Shop) -> None:
        book(shop)
        factories.make_price(shop.unpriced, input="1.00", output="2.00")
        unpriced = book_unpriced(shop)

        rerate(at_right_price(shop, unpriced=True))
        batch = rerate(Scope(start=FIRST, end=LAST, unpriced=True))

        assert set(batch.entries.values_list("corrects", flat=True)) == {unpriced.pk}


class TestScope:
    @pytest.mark.parametrize(
        ("narrowed", "corrected"),
        [
            ({}, 3),
            ({"team": "ads"}, 1),
            ({"model": "openai/gpt-4o"}, 3),
            ({"start": dt.date(2026, 11, 19)}, 2),
            ({"end": dt.date(2026, 11, 18)}, 1),
        ],
    )
    def test_days_teams_and_models(self, shop: Shop, narrowed: dict[str, Any], corrected: int) -> None:
        book(shop)
        book(shop, shop.ads)
        book(shop, started_at=AT - dt.timedelta(days=2))
        scope = at_right_price(shop)
        words = {name: getattr(scope, name) for name in ("start", "end", "at_prices")}

        assert rerate(Scope(**(words | narrowed))).corrected == corrected

    @pytest.mark.parametrize(
        ("scope", "why"),
        [
            ({"start": LAST, "end": FIRST}, "end .* before they begin"),
            ({"team": "nobody"}, "no team 'nobody'"),
            ({"model": "openai/gpt-9"}, "no model 'openai/gpt-9'"),
            ({"at_prices": (987654321,)}, "no price row 987654321"),
        ],
    )
    def test_what_does_not_exist_is_refused(self, shop: Shop, scope: dict[str, Any], why: str) -> None:
        with pytest.raises(ScopeError, match=why):
            rerate(Scope(**({"start": FIRST, "end": LAST} | scope)))

    def test_a_chosen_price_is_for_its_own_model(self, shop: Shop) -> None:
        with pytest.raises(ScopeError, match="its own model"):
            rerate(at_right_price(shop, model="openai/gpt-next"))

    def test_one_chosen_price_for_each_slot(self, shop: Shop) -> None:
        with pytest.raises(ScopeError, match="both for standard"):
            rerate(Scope(start=FIRST, end=LAST, at_prices=(shop.wrong.pk, shop.right.pk)))

    def test_a_reason_must_be_given(self, shop: Shop) -> None:
        with pytest.raises(ScopeError, match="say why"):
            rerate(reason="  ")


class TestLeftAlone:
    def test_what_costs_the_same(self, shop: Shop) -> None:
        book(shop)

        batch = rerate()

        assert (batch.state, batch.corrected, batch.amount) == ("done", 0, 0)
        assert CostEntry.objects.count() == 1

    def test_the_vendors_own_figure_refusals_and_cache_hits(self, shop: Shop) -> None:
        book(shop, cost=Decimal(9), cost_reason="reported", reported_cost=Decimal(9))
        book(shop, price=None, usage=Usage(), cost=Decimal(0), cost_reason="not_billed", outcome="error")
        book(shop, price=None, usage=Usage(), cost=Decimal(0), cost_reason="cache_hit", kind="cache_hit")
        book(shop, price=None, usage=None)

        assert rerate(at_right_price(shop)).corrected == 0

    def test_a_known_cost_never_becomes_unknown(self, shop: Shop) -> None:
        """Half of the tokens are of a kind that the chosen row has no rate for."""
        book(shop, usage=Usage(input=10, audio_input=10), cost=Decimal("0.01"))

        assert rerate(at_right_price(shop)).corrected == 0

    def test_what_was_corrected_by_hand(self, shop: Shop) -> None:
        wrong = book(shop)
        book(shop, request_id=wrong.request_id, usage=Usage(), kind="correction", corrects_id=wrong.pk,
             cost=Decimal(-1), note="ada: credit", latency_ms=None)  # fmt: skip

        assert rerate(at_right_price(shop)).corrected == 0

    def test_what_no_rate_expresses(self, shop: Shop) -> None:
        book_unpriced(shop, cost_reason="unpriced_component", flags=["unpriced:file_search_call"])
        book_unpriced(shop, cost_reason="unpriced_component", flags=[OTHER_MODEL])
        factories.make_price(shop.unpriced, input="1.00", output="2.00")

        assert rerate().corrected == 0

    def test_an_unpriced_component_that_has_a_rate_now_is_priced(self, shop: Shop) -> None:
        book_unpriced(shop, usage=Usage(audio_input=500_000), cost_reason="unpriced_component")
        factories.make_price(shop.unpriced, input="1.00", output="2.00", audio_input="4.00")

        assert rerate().amount == 2

    def test_what_a_chosen_row_priced_is_changed_by_another_choice_alone(self, shop: Shop) -> None:
        book(shop)
        rerate(at_right_price(shop))

        plain = rerate()
        back = rerate(Scope(start=FIRST, end=LAST, at_prices=(shop.wrong.pk,)))

        assert (plain.corrected, back.corrected, back.amount) == (0, 1, Decimal("1.5"))
        assert total() == Decimal("7.5")

    def test_a_chosen_row_is_for_its_own_variant_and_threshold(self, shop: Shop) -> None:
        book(shop, variant="batch", cost=Decimal(3))
        long = factories.make_price(shop.gpt, input="5.00", output="20.00", above_input_tokens=2_000_000)
        book(shop, price=long, usage=Usage(input=3_000_000))

        assert rerate(at_right_price(shop)).corrected == 0


class TestInsideOneAnswer:
    """Another model worked on the same answer (C12): its share is a row of its own."""

    def share(self, shop: Shop, main: CostEntry, **fields: Any) -> CostEntry:
        columns = {"part": 1, "served_model": "gpt-helper", "flags": [OTHER_MODEL], "latency_ms": None}
        return book(shop, request_id=main.request_id, **{**columns, **fields})

    def test_a_model_that_was_not_listed_is_priced_when_it_is(self, shop: Shop) -> None:
        main = book(shop)
        self.share(shop, main, price=None, usage=Usage(output=100_000))
        helper = factories.make_model("gpt-helper")
        assert rerate().corrected == 0  # never at the price of the model that was called
        price = factories.make_price(helper, input="1.00", output="5.00")

        batch = rerate(Scope(start=FIRST, end=LAST, model="openai/gpt-helper"))

        back, again = CostEntry.objects.filter(batch=batch).order_by("id")
        assert (back.model_id, back.part, back.output) == (shop.gpt.pk, 1, -100_000)
        assert (again.model_id, again.part, again.cost) == (helper.pk, 1, Decimal("0.5"))
        assert again.price_id == price.pk
        assert total(model=helper) == Decimal("0.5")

    def test_each_part_keeps_to_its_own_model(self, shop: Shop) -> None:
        helper = factories.make_model("gpt-helper")
        price = factories.make_price(helper, input="1.00", output="5.00")
        main = book(shop, flags=[OTHER_MODEL])
        self.share(shop, main, model=helper, price=price, usage=Usage(output=100_000))

        batch = rerate(at_right_price(shop))

        assert (batch.corrected, batch.amount) == (1, Decimal("-1.5"))


class TestClosedMonths:
    def test_corrections_are_billed_in_the_month_that_is_open_on_their_own_day(self, shop: Shop) -> None:
        october = book(shop, started_at=dt.datetime(2026, 10, 5, 12, tzinfo=dt.UTC))
        factories.make_closed_month(dt.date(2026, 10, 1))

        batch = rerate(Scope(start=dt.date(2026, 10, 1), end=LAST, at_prices=(shop.right.pk,)))

        assert batch.amount == Decimal("-1.5")
        for row in batch.entries.all():
            assert (row.day, row.billed_in, row.flags) == (october.day, FIRST, ["late"])
        assert dict(DailySpend.objects.values_list("period", "cost")) == {
            dt.date(2026, 10, 1): Decimal("7.5"),
            FIRST: Decimal("-1.5"),
        }


class TestChunks:
    def test_the_books_balance_after_each(self, shop: Shop) -> None:
        for _ in range(5):
            book(shop)
        batch = rerating.begin(scope=at_right_price(shop), reason="wrong price", author="ann")

        seen = []
        for progress in rerating.run(batch=batch, chunk=2):
            assert verification.verify().differences == []
            assert total() == Decimal("37.5") + progress.amount
            seen.append((progress.done, progress.of, progress.corrected))

        assert seen == [(2, 5, 2), (4, 5, 4), (5, 5, 5), (5, 5, 5)]

    def test_a_batch_that_was_interrupted_goes_on_where_it_was(self, shop: Shop) -> None:
        for _ in range(5):
            book(shop)
        batch = rerating.begin(scope=at_right_price(shop), reason="wrong price", author="ann")
        next(rerating.run(batch=batch, chunk=2))  # and the worker dies
        assert (batch.state, batch.corrected, batch.amount) == ("running", 2, Decimal(-3))

        resumed = rerating.running(batch_id=batch.pk)
        progress = list(rerating.run(batch=resumed, chunk=2))

        assert [(step.done, step.of) for step in progress] == [(2, 3), (3, 3), (3, 3)]
        assert (resumed.state, resumed.corrected, resumed.amount) == ("done", 5, Decimal("-7.5"))
        assert total() == 30

    def test_calls_booked_after_it_began_are_not_its_business(self, shop: Shop) -> None:
        book(shop)
        batch = rerating.begin(scope=at_right_price(shop), reason="wrong price", author="ann")
        book(shop)

        list(rerating.run(batch=batch, chunk=2))

        assert batch.corrected == 1

    def test_one_that_is_done_is_not_resumed(self, shop: Shop) -> None:
        done = rerate()
        for number, why in ((done.pk, "is done"), (done.pk + 1, "there is no re-rating")):
            with pytest.raises(ScopeError, match=why):
                rerating.running(batch_id=number)

    def test_somebody_who_goes_on_with_one_that_another_ended_books_nothing(self, shop: Shop) -> None:
        for _ in range(5):
            book(shop)
        batch = rerating.begin(scope=at_right_price(shop), reason="wrong price", author="ann")
        slow = rerating.run(batch=batch, chunk=2)
        next(slow)
        list(rerating.run(batch=rerating.running(batch_id=batch.pk), chunk=2))

        assert list(slow) == []
        assert CorrectionBatch.objects.get().corrected == 5
        assert total() == 30


def test_it_asks_for_nothing_in_a_month_without_calls(shop: Shop) -> None:
    assert rerate(NOVEMBER).corrected == 0

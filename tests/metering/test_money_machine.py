"""The whole money machine against a plain list of what every attempt should cost.

Calls, failures, answers without usage, lost workers and late answers, price changes, re-ratings and
adjustments, raises, closes and reopenings, in any order over five months, with a crash between any two
statements. After every step the books balance, every attempt costs what the list says, to the last digit,
closed months stay as they were closed, and no admission exceeds a hard budget. Amounts of the list are
fractions: no decimal arithmetic is shared with what is tested.
"""

import datetime as dt
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalog import periods
from catalog.models import LanguageModel, Price
from catalog.periods import PeriodError, Slot
from catalog.rates import Rates
from catalog.snapshot import price_row
from metering import bookkeeping, costing, verification
from metering.budgets import raises
from metering.closing import months, obstacles, reopening, steps, verifying
from metering.closing.errors import Blocked, Refused
from metering.corrections import adjusting, rerating
from metering.corrections.adjusting import AdjustmentError
from metering.corrections.scopes import Scope
from metering.entries import Admission, Call, Result
from metering.models import BillingPeriod, CorrectionBatch, CostEntry, DailySpend, LimitRaise, LimitWindow
from metering.usage import Usage
from tests import own_database
from tests.metering import house as h

SETTINGS = settings(
    max_examples=6,
    stateful_step_count=35,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
START = dt.datetime(2026, 8, 3, 9, 0, tzinfo=dt.UTC)
BUDGET = Decimal("0.02")
RATES = st.sampled_from(["0.000001", "0.10", "2.50", "3.333333", "75.00"])
TOKENS = st.integers(0, 3_000)
INDEX = st.integers(0, 10**6)
EXACT = Fraction(1, 10**12)


class Crashed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Attempt:
    """What one attempt should cost (USD). ``may_be``: a batch over it was interrupted, and it is either."""

    request: Any
    at: dt.datetime
    model: int
    tokens: tuple[int, int] | None
    cost: Fraction | None
    left_alone: bool = False  # by re-ratings: adjusted by hand
    may_be: Fraction | None = None
    pending: bool = False


@dataclass
class Closed:
    total: Decimal
    entries: int


@dataclass
class Interrupted:
    batch: CorrectionBatch
    attempts: list[Attempt] = field(default_factory=list)


@contextmanager
def crash_before(statement: int) -> Iterator[None]:
    """Ends the process, so to say, before its ``statement``-th statement from now on; 0: never."""
    seen = 0

    def counting(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == statement:
            raise Crashed
        return execute(*arguments)

    try:
        with connection.execute_wrapper(counting):
            yield
    except Crashed:
        connection.close()


class Money(RuleBasedStateMachine):
    """One team with a hard monthly budget, a model with a price and one that gets its first price late."""

    def __init__(self) -> None:
        super().__init__()
        own_database.empty()
        self.house = h.build()
        self.now = START
        self.limit = h.make_limit(self.house, str(BUDGET))
        self.priced = LanguageModel.objects.get(pk=self.house.model)
        self.unpriced = LanguageModel.objects.get(pk=self.house.unpriced_model)
        self.ann, self.bob = (_person(name) for name in ("ann", "bob"))
        self.attempts: list[Attempt] = []
        self.open: list[tuple[Call, Admission, list[Any]]] = []
        self.lost: list[tuple[Attempt, Call, Admission]] = []
        self.closed: dict[dt.date, Closed] = {}
        self.interrupted: Interrupted | None = None

    # Time and prices

    @rule(hours=st.sampled_from([1, 5, 30, 24 * 9, 24 * 20]))
    def time_passes(self, hours: int) -> None:
        if self.now < START + dt.timedelta(days=150):
            self.now += dt.timedelta(hours=hours)

    @rule(first=st.booleans(), rates=st.tuples(RATES, RATES))
    def a_new_price(self, first: bool, rates: tuple[str, str]) -> None:
        """Of the model without one it may begin in the past: its calls can be priced then."""
        model = self.unpriced if first else self.priced
        past = first and not model.prices.exists()
        try:
            periods.start(
                model=model,
                slot=Slot(),
                terms=periods.Terms(_rates(*rates)),
                at=self.now,
                source="test",
                effective_from=START if past else self.now,
            )
        except PeriodError:
            assert not past

    # Calls

    @rule(priced=st.booleans(), tokens=st.tuples(TOKENS, st.integers(1, 3_000)))
    def a_call_begins(self, priced: bool, tokens: tuple[int, int]) -> None:
        model = self.priced if priced else self.unpriced
        call = Call(
            request_id=h.new_request(),
            attempt=1,
            team_id=self.house.team,
            api_key_id=self.house.key,
            model_id=model.pk,
            route="r",
            started_at=self.now,
        )
        prices = [price_row(price) for price in model.prices.all()]
        bound = costing.bound_for(
            prices,
            at=self.now,
            input_tokens=tokens[0],
            any_variant=False,
            with_cache_writes=False,
            with_audio=False,
        )
        window = h.open_window(self.limit, at=self.now)
        hold = h.hold(
            self.house,
            window,
            request=call.request_id,
            at=self.now,
            model_id=model.pk,
            route="r",
            base=bound and str(bound.base_usd),
            rate=bound and str(bound.usd_per_output_token),
            input_tokens=tokens[0],
            wanted=tokens[1],
            least=1,
            price=bound and bound.price_id,
        )
        [verdict] = h.admit(hold)
        if verdict.verdict != "admitted":
            assert verdict.reason == ("usd" if bound else "unpriced")
            return
        of = LimitWindow.objects.get(pk=window)
        assert of.held + of.spent + of.exposed <= BUDGET + of.raised
        admission = Admission(
            call=call,
            output_tokens=verdict.granted or 0,
            output_wanted=tokens[1],
            held_usd=verdict.held_usd,
            held_tokens=tokens[0] + (verdict.granted or 0),
            limited=True,
        )
        self.open.append((call, admission, prices))

    @precondition(lambda self: self.open)
    @rule(
        which=INDEX,
        share=st.integers(0, 100),
        end=st.sampled_from(["ok", "ok", "cut", "silent", "refused"]),
        crash=st.integers(0, 3),
    )
    def a_call_ends(self, which: int, share: int, end: str, crash: int) -> None:
        """Within its bound; without usage when ``silent``; a worker that crashes says nothing."""
        place = which % len(self.open)
        call, admission, prices = self.open[place]
        used = Usage(
            input=admission.held_tokens - admission.output_tokens,
            output=admission.output_tokens * share // 100,
        )
        usage = used if end in ("ok", "cut") else None
        result = Result(
            outcome="ok" if end == "ok" else "error" if end == "refused" else "cut",
            usage=usage,
            usage_source="reported" if usage else "unknown",
            not_billed=end == "refused",
        )
        entries = bookkeeping.entries_for(admission=admission, result=result, prices=prices, zone=h.UTC)
        with crash_before(crash):
            rerating.settle(entries)  # type: ignore[arg-type]
            tokens = (used.input, used.output) if usage else (0, 0) if end == "refused" else None
            cost = (
                Fraction(0) if end == "refused" else None if tokens is None else _cost(tokens, call, prices)
            )
            self.attempts.append(
                Attempt(
                    call.request_id, call.started_at, call.model_id, tokens, cost, left_alone=end == "refused"
                )
            )
            del self.open[place]

    @precondition(lambda self: self.open)
    @rule(which=INDEX)
    def a_worker_is_lost(self, which: int) -> None:
        call, admission, _ = self.open.pop(which % len(self.open))
        lost = bookkeeping.lost_entry(
            call=call,
            held_usd=admission.held_usd,
            held_tokens=admission.held_tokens,
            price_id=None,
            zone=h.UTC,
        )
        rerating.settle([lost])  # type: ignore[list-item]
        self.attempts.append(Attempt(call.request_id, call.started_at, call.model_id, None, None))
        self.lost.append((self.attempts[-1], call, admission))

    @precondition(lambda self: self.lost)
    @rule(which=INDEX)
    def it_answers_after_all(self, which: int) -> None:
        attempt, call, admission = self.lost.pop(which % len(self.lost))
        if attempt.left_alone:
            return
        prices = [price_row(price) for price in Price.objects.filter(model=call.model_id)]
        usage = Usage(input=7, output=11)
        result = Result(outcome="ok", usage=usage, usage_source="reported")
        rerating.settle(
            bookkeeping.entries_for(admission=admission, result=result, prices=prices, zone=h.UTC)
        )  # type: ignore[arg-type]
        attempt.tokens, attempt.cost = (7, 11), _cost((7, 11), call, prices)

    # Corrections

    @precondition(lambda self: self.attempts and self.interrupted is None)
    @rule(
        days=st.integers(0, 60),
        unpriced=st.booleans(),
        price=INDEX,
        chunk=st.integers(1, 4),
        crash=st.integers(0, 40),
    )
    def a_re_rating(self, days: int, unpriced: bool, price: int, chunk: int, crash: int) -> None:
        """At a chosen row, or what has no cost at the rows of its time. A crash leaves the batch running."""
        rows = list(Price.objects.order_by("id"))
        chosen = rows[price % len(rows)] if price % 3 and not unpriced else None
        scope = Scope(
            start=(self.now - dt.timedelta(days=days)).date(),
            end=self.now.date(),
            unpriced=unpriced,
            at_prices=(chosen.pk,) if chosen else (),
        )
        total = _total()
        batch = rerating.begin(scope=scope, reason="a wrong price", author="ann")
        touched = [attempt for attempt in self.attempts if self._is_in(attempt, scope, chosen)]
        for attempt in touched:
            attempt.may_be, attempt.pending = self._priced(attempt, chosen), True
        with crash_before(crash):
            list(rerating.run(batch=batch, chunk=chunk))
        batch.refresh_from_db()
        assert _total() - total == batch.amount
        self.interrupted = Interrupted(batch, touched)
        self._end_of_batch()

    @precondition(lambda self: self.interrupted is not None)
    @rule(crash=st.integers(0, 40))
    def the_batch_goes_on(self, crash: int) -> None:
        assert self.interrupted is not None
        with crash_before(crash):
            list(rerating.run(batch=rerating.running(batch_id=self.interrupted.batch.pk), chunk=2))
        self._end_of_batch()

    def _end_of_batch(self) -> None:
        assert self.interrupted is not None
        self.interrupted.batch.refresh_from_db()
        if self.interrupted.batch.state == CorrectionBatch.State.DONE:
            for attempt in self.interrupted.attempts:
                attempt.cost, attempt.pending = attempt.may_be, False
            self.interrupted = None

    def _is_in(self, attempt: Attempt, scope: Scope, chosen: Price | None) -> bool:
        if attempt.left_alone or attempt.tokens is None or not scope.start <= attempt.at.date() <= scope.end:
            return False
        if chosen is not None:
            return attempt.model == chosen.model_id
        return attempt.cost is None and self._priced(attempt, None) is not None

    def _priced(self, attempt: Attempt, chosen: Price | None) -> Fraction | None:
        assert attempt.tokens is not None
        rows = [chosen] if chosen else Price.objects.filter(model=attempt.model)
        holding = [row for row in rows if chosen or _holds(row, attempt.at)]
        return _usd(attempt.tokens, holding[0].input, holding[0].output) if holding else None

    @precondition(lambda self: self.attempts and self.interrupted is None)
    @rule(
        which=INDEX,
        amount=st.sampled_from(["0.01", "-0.000000000001", "-0.5", "0.000123"]),
        crash=st.integers(0, 12),
    )
    def an_adjustment(self, which: int, amount: str, crash: int) -> None:
        attempt = self.attempts[which % len(self.attempts)]
        first = CostEntry.objects.filter(request_id=attempt.request).exclude(kind="correction").get()
        before = _total()
        with crash_before(crash):
            try:
                adjusting.adjust(
                    entry_id=first.pk,
                    amount=Decimal(amount),
                    expected=adjusting.cost_now(entry_id=first.pk).cost,
                    reason="a credit",
                    author="bob",
                )
            except AdjustmentError:
                assert (attempt.cost or 0) + Fraction(amount) < 0
                return
        if _total() != before:
            assert _total() - before == Decimal(amount)
            attempt.cost = (attempt.cost or Fraction(0)) + Fraction(amount)
            attempt.left_alone = True

    # Raises

    @rule(amount=st.sampled_from(["0.005", "0.1"]), crash=st.integers(0, 12))
    def a_raise(self, amount: str, crash: int) -> None:
        for left in LimitRaise.objects.filter(limit=self.limit, state=LimitRaise.State.OPEN):
            raises.withdraw(limit_raise=left, by=self.ann, at=self.now)  # its approval crashed
        asked = raises.ask(
            limit=self.limit,
            amount=Decimal(amount),
            reason="launch",
            asked_by=self.ann,
            at=self.now,
            zone=h.UTC,
        )
        with crash_before(crash):
            raises.approve(limit_raise=asked, decided_by=self.bob, note="", at=self.now)

    # Months

    @rule(crash=st.integers(0, 60), waive=st.booleans())
    def the_next_month_is_closed(self, crash: int, waive: bool) -> None:
        month = self._next_month()
        if month is None:
            return
        with crash_before(crash):
            try:
                if not BillingPeriod.objects.filter(month=month, status="closing").exists():
                    steps.begin(month=month, at=self.now, zone=h.UTC)
                if waive:
                    self._waive(month)
                steps.finish(month=month, by="bob", at=self.now, zone=h.UTC)
            except Blocked:
                pass  # by what stands in the way and was not waived
            except Refused:
                assert not months.is_over(month, at=self.now, zone=h.UTC)
        if BillingPeriod.objects.filter(month=month, status="closed").exists():
            rows = _rows_of(month)
            self.closed[month] = Closed(_sum(rows), rows.count())

    def _waive(self, month: dt.date) -> None:
        for one in obstacles.found(month=month, zone=h.UTC):
            if one.blocks and one.kind != "running_batch":
                obstacles.waive(
                    month=month,
                    kind=one.kind,
                    subject=one.subject,
                    reason="known",
                    by="ann",
                    at=self.now,
                    zone=h.UTC,
                )

    def _next_month(self) -> dt.date | None:
        """The first with entries that is not closed."""
        last = max(self.closed, default=dt.date.min)
        return (
            DailySpend.objects.filter(period__gt=last)
            .order_by("period")
            .values_list("period", flat=True)
            .first()
        )

    @precondition(lambda self: self.closed)
    @rule(crash=st.integers(0, 12))
    def the_last_month_is_opened_again(self, crash: int) -> None:
        month = max(self.closed)
        waiting = reopening.waiting(month=month)
        asked = waiting or reopening.ask(month=month, reason="an invoice came", by=self.ann, at=self.now)
        with crash_before(crash):
            reopening.approve(number=asked.pk, by=self.bob, note="", at=self.now)
        if not BillingPeriod.objects.filter(month=month, status="closed").exists():
            del self.closed[month]

    # What always holds

    @invariant()
    def the_books_balance(self) -> None:
        assert verification.verify().differences == []

    @invariant()
    def every_attempt_costs_what_it_should(self) -> None:
        sums = CostEntry.objects.order_by().values_list("request_id").annotate(cost=Sum("cost"))
        found = dict(sums)
        assert found.keys() == {attempt.request for attempt in self.attempts}
        for attempt in self.attempts:
            cost = None if found[attempt.request] is None else Fraction(found[attempt.request])
            allowed = {attempt.cost, attempt.may_be} if attempt.pending else {attempt.cost}
            assert cost in allowed, attempt

    @invariant()
    def closed_months_stay_as_they_were_closed(self) -> None:
        for month, closed in self.closed.items():
            rows = _rows_of(month)
            rollup = DailySpend.objects.filter(period=month).aggregate(cost=Sum("cost"))["cost"]
            assert (_sum(rows), rows.count(), rollup) == (closed.total, closed.entries, closed.total)

    @precondition(lambda self: self.closed)
    @rule()
    def an_auditor_proves_them(self) -> None:
        assert verifying.verify().differences == []


def _rates(input: str, output: str) -> Rates:
    return Rates(input=Decimal(input), output=Decimal(output))


def _person(name: str) -> User:
    person, _ = User.objects.get_or_create(username=name, is_superuser=True)
    return person


def _usd(tokens: tuple[int, int], input_rate: Any, output_rate: Any) -> Fraction:
    return (tokens[0] * Fraction(input_rate) + tokens[1] * Fraction(output_rate)) / 10**6


def _cost(tokens: tuple[int, int], call: Call, prices: list[Any]) -> Fraction | None:
    row = next((row for row in prices if _holds(row, call.started_at)), None)
    return None if row is None else _usd(tokens, row.rates["input"], row.rates["output"])


def _holds(row: Any, at: dt.datetime) -> bool:
    return row.effective_from <= at and (row.effective_to is None or at < row.effective_to)


def _total() -> Decimal:
    return _sum(CostEntry.objects.all())


def _sum(rows: Any) -> Decimal:
    return rows.aggregate(cost=Sum("cost"))["cost"] or Decimal(0)


def _rows_of(month: dt.date) -> Any:
    return CostEntry.objects.extra(where=["metering_period(day, billed_in) = %s"], params=[month])


# A process that ends leaves its cursors open; here Python meets them again and would complain.
@pytest.mark.filterwarnings("ignore:.*ServerSideCursor:ResourceWarning")
def test_any_sequence_of_what_moves_money_gives_the_books_of_the_list(own: str) -> None:
    run_state_machine_as_test(Money, settings=SETTINGS)
    gc.collect()

"""The ledger's SQL against ``reference.py``: any sequence of calls, any limits, the same books."""

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from metering import models, verification, windows
from tests.metering import house as h
from tests.metering import reference
from tests.metering.reference import USD

SETTINGS = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
MOMENTS = [  # two in one minute; another day of the week; another week; another month
    h.AT,
    h.AT + dt.timedelta(seconds=59),
    h.AT + dt.timedelta(minutes=1),
    h.AT + dt.timedelta(days=1),
    h.AT + dt.timedelta(days=3),
    h.AT + dt.timedelta(days=11),
]
MONEY = st.sampled_from([0, 1, 333_333_333_333, USD // 2, USD, 2 * USD, 5 * USD])  # 10^-12 USD
RATES = st.sampled_from([0, 1, 3, 7_000_000, 10_000_000_000, 33_333_333_333])
COSTS = st.sampled_from([0, 1, 20_000_000_000, 400_000_000_000, 900_000_000_001])
TOKENS = st.integers(0, 120)
UNITS = {
    "usd": MONEY,
    "tokens": st.integers(0, 600),
    "requests": st.integers(0, 6),
    "concurrency": st.integers(0, 4),
}
INDEX = st.integers(0, 10**6)


def decimal(amount: int | None, unit: str = "usd") -> Decimal | None:
    return None if amount is None else Decimal(amount) / USD if unit == "usd" else Decimal(amount)


def text(amount: int | None) -> str | None:
    return None if amount is None else format(Decimal(amount) / USD, "f")


class Books(RuleBasedStateMachine):
    """Every rule does one thing in the database and in the reference, and compares what they answer."""

    database: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.house = h.build()
        self.ledger = reference.Ledger()
        self.settlements: list[tuple[reference.Entry, dict[str, Any]]] = []
        self.corrections = 0
        self.requests: list[Any] = []

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    # Limits

    @initialize(data=st.data())
    def some_limits(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 4))):
            self.new_limit(data)

    @rule(data=st.data())
    def new_limit(self, data: st.DataObject) -> None:
        """Also in the middle of a period: its windows open with what the ledger has."""
        unit = data.draw(st.sampled_from(sorted(UNITS)))
        fields = {
            "unit": unit,
            "period": data.draw(st.sampled_from(["minute", "day", "week", "month", "total"])),
            "mode": data.draw(st.sampled_from(["hard", "hard", "soft"])),
        }
        if unit == "concurrency":
            fields |= {"period": "total", "mode": "hard"}
        key, model = data.draw(
            st.sampled_from([(None, None), (None, None), (self.house.key, None), (None, self.house.model)])
        )
        scope = {"team_id": self.house.team, "api_key_id": key, "model_id": model}
        if models.Limit.objects.filter(**scope, **fields).exists():
            return
        amount = data.draw(UNITS[unit])
        made = models.Limit.objects.create(**scope, **fields, amount=decimal(amount, unit))
        self.ledger.limits.append(
            reference.Limit(
                id=made.pk,
                key=key,
                model=model,
                unit=unit,
                period=fields["period"],
                mode=fields["mode"],
                amount=amount,
            )
        )

    @rule(data=st.data(), which=INDEX, enabled=st.booleans())
    def change_limit(self, data: st.DataObject, which: int, enabled: bool) -> None:
        limit = self.ledger.limits[which % len(self.ledger.limits)]
        limit.amount, limit.enabled = data.draw(UNITS[limit.unit]), enabled
        models.Limit.objects.filter(pk=limit.id).update(
            amount=decimal(limit.amount, limit.unit), enabled=limit.enabled
        )

    # Calls

    @rule(data=st.data(), number=st.integers(1, 3))
    def admit(self, data: st.DataObject, number: int) -> None:
        asks = [self._ask(data) for _ in range(number)]
        answers = h.admit(*[self._hold(ask) for ask in asks])
        for ask, answer in zip(asks, answers, strict=True):
            expected = self.ledger.admit(ask)
            unit = next((limit.unit for limit in self.ledger.limits if limit.id == expected.limit), "usd")
            assert (answer.verdict, answer.granted, answer.held_usd) == (
                expected.verdict,
                expected.granted,
                decimal(expected.held),
            )
            assert (answer.limit_id, answer.reason, answer.room) == (
                expected.limit,
                expected.reason,
                decimal(expected.room, unit),
            )
            assert h.rates(answer) == expected.rates
            if answer.verdict == "admitted":
                self._no_limit_is_exceeded(ask)

    def _no_limit_is_exceeded(self, ask: reference.Ask) -> None:
        """The promise of a hard limit, read from the database: (held, spent, exposed) within the amount."""
        for number in ask.windows:
            limit = self.ledger.windows[number].limit
            taken = sum(h.window(number))
            if limit.mode == "hard" and limit.enabled and (limit.unit != "requests" or ask.calls):
                assert taken <= models.Limit.objects.get(pk=limit.id).amount

    def _ask(self, data: st.DataObject) -> reference.Ask:
        retried = self.requests and data.draw(st.integers(0, 4)) == 0
        place = (
            (data.draw(st.sampled_from(self.requests)), len(self.requests) + 2)
            if retried
            else (h.new_request(), 1)
        )
        self.requests.append(place[0])
        priced = data.draw(st.integers(0, 5)) > 0
        call = reference.Call(
            place=place,
            key=data.draw(st.sampled_from([self.house.key, self.house.other_key])),
            model=self.house.model if priced else self.house.unpriced_model,
            at=data.draw(st.sampled_from(MOMENTS)),
        )
        wanted = data.draw(TOKENS)
        return reference.Ask(
            call=call,
            windows=tuple(self._window(limit, call.at) for limit in self._in_scope(call)),
            base=data.draw(MONEY) if priced else None,
            rate=data.draw(RATES) if priced else None,
            input_tokens=data.draw(TOKENS),
            wanted=wanted,
            least=data.draw(st.sampled_from([wanted, min(wanted, 10), 0])),
        )

    def _in_scope(self, call: reference.Call) -> list[reference.Limit]:
        return [limit for limit in self.ledger.limits if limit.enabled and self.ledger.in_scope(limit, call)]

    def _window(self, limit: reference.Limit, at: dt.datetime) -> int:
        made = models.Limit.objects.get(pk=limit.id)
        number = h.open_window(made, at=at)
        starts_at, ends_at = windows.bounds(period=made.period, at=at, zone=h.UTC)
        self.ledger.windows.setdefault(
            number, reference.Window(id=number, limit=limit, starts_at=starts_at, ends_at=ends_at)
        )
        return number

    def _hold(self, ask: reference.Ask) -> dict[str, Any]:
        return h.hold(
            self.house,
            *ask.windows,
            request=ask.call.place[0],
            attempt=ask.call.place[1],
            at=ask.call.at,
            base=text(ask.base),
            rate=text(ask.rate),
            input_tokens=ask.input_tokens,
            wanted=ask.wanted,
            least=ask.least,
            api_key_id=ask.call.key,
            model_id=ask.call.model,
        )

    # Ends of calls

    @precondition(lambda self: self.ledger.holds)
    @rule(data=st.data(), number=st.integers(1, 3))
    def settle(self, data: st.DataObject, number: int) -> None:
        """Some at once, each in one way: known, without usage, without a price, lost, released."""
        holds = data.draw(
            st.permutations(sorted(self.ledger.holds.values(), key=lambda hold: hold.call.place))
        )
        self._book(*[entry for hold in holds[:number] for entry in self._ends(hold, data)])

    def _ends(self, hold: reference.Hold, data: st.DataObject) -> list[reference.Entry]:
        """The end of a call; some answers are the work of several models."""
        further = [self._part(hold, data)] if data.draw(st.integers(0, 3)) == 0 else []
        return data.draw(st.permutations([self._end(hold, data), *further]))

    def _part(self, hold: reference.Hold, data: st.DataObject) -> reference.Entry:
        known = {"cost": data.draw(COSTS)} if data.draw(st.booleans()) else {"exposure": 0}
        return reference.Entry(
            hold.call, "attempt", part=data.draw(st.integers(1, 2)), tokens=data.draw(TOKENS), **known
        )

    @precondition(lambda self: self.ledger.holds)
    @rule(data=st.data(), which=INDEX)
    def settle_a_further_part_alone(self, data: st.DataObject, which: int) -> None:
        """The worker may die after it: the hold stays."""
        holds = sorted(self.ledger.holds.values(), key=lambda hold: hold.call.place)
        self._book(self._part(holds[which % len(holds)], data))

    def _end(self, hold: reference.Hold, data: st.DataObject) -> reference.Entry:
        end = data.draw(st.sampled_from(["known", "known", "no_usage", "unpriced", "lost", "release"]))
        unknown = {"exposure": hold.usd, "exposure_tokens": hold.tokens}
        match end:
            case "release":
                return reference.Entry(hold.call, "release")
            case "lost":
                return reference.Entry(hold.call, "attempt", lost=True, **unknown)
            case "no_usage":
                return reference.Entry(hold.call, "attempt", **unknown)
            case "unpriced":
                return reference.Entry(hold.call, "attempt", tokens=data.draw(TOKENS), exposure=hold.usd)
        return reference.Entry(hold.call, "attempt", cost=data.draw(COSTS), tokens=data.draw(TOKENS))

    @precondition(lambda self: any(entry.lost for entry in self.ledger.entries))
    @rule(data=st.data(), which=INDEX, known=st.booleans())
    def answer_after_the_sweep(self, data: st.DataObject, which: int, known: bool) -> None:
        lost = [entry for entry in self.ledger.entries if entry.lost]
        call = lost[which % len(lost)].call
        if known:
            self._book(reference.Entry(call, "attempt", cost=data.draw(COSTS), tokens=data.draw(TOKENS)))
        else:
            self._book(reference.Entry(call, "attempt", exposure=7, exposure_tokens=3))

    @precondition(lambda self: self.settlements)
    @rule(which=INDEX)
    def repeat_a_settlement(self, which: int) -> None:
        entry, row = self.settlements[which % len(self.settlements)]
        if self.ledger.entry_of(entry.call.place, entry.part) is None and entry.kind != "release":
            return
        assert h.settle(row) == [self.ledger.settle(entry)]

    @precondition(lambda self: any(entry.kind == "attempt" for entry in self.ledger.entries))
    @rule(which=INDEX, cost=st.sampled_from([None, -USD // 3, 0, 50_000_000_000]), tokens=st.integers(-5, 5))
    def correct(self, which: int, cost: int | None, tokens: int) -> None:
        attempts = [entry for entry in self.ledger.entries if entry.kind == "attempt"]
        wrong = attempts[which % len(attempts)]
        self.corrections += 1
        self._book(
            reference.Entry(
                wrong.call,
                "correction",
                part=wrong.part,
                cost=cost,
                tokens=tokens,
                exposure=None if cost is None else -(wrong.exposure or 0),
                corrects=wrong,
            )
        )

    def _book(self, *entries: reference.Entry) -> None:
        rows = [self._row(entry) for entry in entries]
        states = h.settle(*rows)
        assert states == [self.ledger.settle(entry) for entry in entries]
        self.settlements += [
            (entry, row) for entry, row in zip(entries, rows, strict=True) if entry.kind != "correction"
        ]

    def _row(self, entry: reference.Entry) -> dict[str, Any]:
        columns: dict[str, Any] = {"kind": entry.kind, "part": entry.part}
        if entry.lost:
            columns |= {"cost_reason": "lost", "outcome": "lost"}
        if entry.corrects is not None:
            request, attempt = entry.call.place
            booked = models.CostEntry.objects.get(
                request_id=request, attempt=attempt, part=entry.part, kind="attempt"
            )
            columns |= {"corrects_id": booked.pk, "note": f"ada: correction {self.corrections}"}
        return h.entry(
            self.house,
            request=entry.call.place[0],
            attempt=entry.call.place[1],
            at=entry.call.at,
            tokens=None if entry.tokens is None else {"input": entry.tokens},
            cost=text(entry.cost),
            api_key_id=entry.call.key,
            model_id=entry.call.model,
            exposure=text(entry.exposure),
            exposure_tokens=entry.exposure_tokens,
            **columns,
        )

    # What always holds

    @invariant()
    def every_window_says_what_the_reference_says(self) -> None:
        kept = {row.pk: (row.held, row.spent, row.exposed) for row in models.LimitWindow.objects.all()}
        expected = {
            number: tuple(
                decimal(amount, window.limit.unit)
                for amount in (
                    self.ledger.held(window),
                    self.ledger.spent(window),
                    self.ledger.exposed(window),
                )
            )
            for number, window in self.ledger.windows.items()
        }
        assert kept == expected

    @invariant()
    def the_books_balance(self) -> None:
        assert verification.verify().differences == []
        assert models.CostEntry.objects.count() == len(self.ledger.entries)
        assert models.Hold.objects.count() == len(self.ledger.holds)


@pytest.mark.django_db
def test_any_sequence_of_calls_and_limits_gives_the_books_of_the_reference() -> None:
    assert connection.in_atomic_block
    run_state_machine_as_test(Books, settings=SETTINGS)

"""What the ledger's SQL should do, in plain Python: nothing is kept summed up, all is counted from lists.

Amounts are integers: USD in units of 10^-12, tokens and requests as they are.
"""

import dataclasses
import datetime as dt
import uuid
from dataclasses import dataclass, field

USD = 10**12

Place = tuple[uuid.UUID, int]  # request and attempt


@dataclass(slots=True)
class Limit:
    id: int
    key: int | None
    model: int | None
    unit: str
    period: str
    mode: str
    amount: int
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    id: int
    limit: Limit
    starts_at: dt.datetime
    ends_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Call:
    place: Place
    key: int
    model: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """A hold that is asked for. ``base`` and ``rate`` are None without a price."""

    call: Call
    windows: tuple[int, ...]
    base: int | None
    rate: int | None
    input_tokens: int
    wanted: int
    least: int

    @property
    def calls(self) -> int:
        return 1 if self.call.place[1] == 1 else 0


@dataclass(frozen=True, slots=True)
class Hold:
    call: Call
    amounts: dict[int, int]  # by window
    usd: int | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger, or what a settlement would like to be one. Unknown is None."""

    call: Call
    kind: str  # attempt | release | correction
    part: int = 0
    cost: int | None = None
    tokens: int | None = None
    exposure: int | None = None
    exposure_tokens: int | None = None
    lost: bool = False
    corrects: "Entry | None" = None

    @property
    def requests(self) -> int:
        return 1 if self.call.place[1] == 1 and self.part == 0 and self.kind != "correction" else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    verdict: str
    granted: int | None = None
    held: int | None = None
    limit: int | None = None
    reason: str | None = None
    room: int | None = None
    rates: tuple[tuple[int, int, int], ...] = ()  # (limit, amount, room) of each rate limit in scope


@dataclass(slots=True)
class Ledger:
    limits: list[Limit] = field(default_factory=list)
    windows: dict[int, Window] = field(default_factory=dict)
    holds: dict[Place, Hold] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def held(self, window: Window) -> int:
        return sum(hold.amounts.get(window.id, 0) for hold in self.holds.values())

    def spent(self, window: Window) -> int:
        return sum(
            {"usd": entry.cost or 0, "tokens": entry.tokens or 0, "requests": entry.requests}.get(
                window.limit.unit, 0
            )
            for entry in self._in(window)
        )

    def exposed(self, window: Window) -> int:
        return sum(
            {"usd": entry.exposure or 0, "tokens": entry.exposure_tokens or 0}.get(window.limit.unit, 0)
            for entry in self._in(window)
        )

    def room(self, window: Window) -> int:
        return window.limit.amount - self.held(window) - self.spent(window) - self.exposed(window)

    def in_scope(self, limit: Limit, call: Call) -> bool:
        return limit.key in (None, call.key) and limit.model in (None, call.model)

    def admit(self, ask: Ask) -> Verdict:
        granted = ask.wanted
        for number in sorted(ask.windows):
            window = self.windows[number]
            if window.limit.mode == "soft" or not window.limit.enabled:
                continue
            room, unit, fits = self.room(window), window.limit.unit, True
            if unit == "usd":
                if ask.base is None or ask.rate is None:
                    return self._refusal(window, "unpriced", ask)
                granted = min(granted, (room - ask.base) // ask.rate) if ask.rate else granted
                fits = room >= ask.base
            elif unit == "tokens":
                granted = min(granted, room - ask.input_tokens)
            else:
                fits = room >= (1 if unit == "concurrency" else ask.calls)
            if not fits or granted < ask.least:
                return self._refusal(window, unit, ask)
        usd = None if ask.base is None or ask.rate is None else ask.base + ask.rate * granted
        tokens = ask.input_tokens + granted
        amount = {"usd": usd or 0, "tokens": tokens, "requests": ask.calls, "concurrency": 1}
        self.holds[ask.call.place] = Hold(
            call=ask.call,
            amounts={number: amount[self.windows[number].limit.unit] for number in ask.windows},
            usd=usd,
            tokens=tokens,
        )
        return Verdict("admitted", granted=granted, held=usd, rates=self._rates(ask))

    def settle(self, entry: Entry) -> str:
        if entry.part == 0 and entry.kind != "correction":
            self.holds.pop(entry.call.place, None)
        if entry.kind == "release":
            return "released"
        if entry.kind == "correction":
            self.entries.append(entry)
            return "booked"
        booked = self.entry_of(entry.call.place, entry.part)
        if booked is None:
            self.entries.append(entry)
            return "booked"
        if booked.lost and not entry.lost and not any(other.corrects is booked for other in self.entries):
            self.entries.append(
                dataclasses.replace(
                    entry,
                    kind="correction",
                    corrects=booked,
                    exposure=(entry.exposure or 0) - (booked.exposure or 0),
                    exposure_tokens=(entry.exposure_tokens or 0) - (booked.exposure_tokens or 0),
                )
            )
            return "late"
        return "duplicate"

    def entry_of(self, place: Place, part: int) -> Entry | None:
        found = (e for e in self.entries if (e.call.place, e.part, e.kind) == (place, part, "attempt"))
        return next(found, None)

    def _in(self, window: Window) -> list[Entry]:
        return [
            entry
            for entry in self.entries
            if window.starts_at <= entry.call.at < window.ends_at and self.in_scope(window.limit, entry.call)
        ]

    def _refusal(self, window: Window, reason: str, ask: Ask) -> Verdict:
        room, rates = self.room(window), self._rates(ask)
        return Verdict("refused", limit=window.limit.id, reason=reason, room=room, rates=rates)

    def _rates(self, ask: Ask) -> tuple[tuple[int, int, int], ...]:
        in_scope = [self.windows[number] for number in sorted(ask.windows)]
        return tuple(
            (window.limit.id, window.limit.amount, self.room(window))
            for window in in_scope
            if window.limit.unit in ("requests", "tokens") and window.limit.period in ("minute", "day")
            if window.limit.mode == "hard" and window.limit.enabled
        )

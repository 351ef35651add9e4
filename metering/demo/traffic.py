"""Draws the calls of a plan: pure, no IO. The same plan always draws the same calls and request ids.

Every day of every workload has a random source of its own: one day's calls do not depend on another's.
Floats are weights and token counts here, never money: what a call costs is worked out when it is booked.
"""

import datetime as dt
import math
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from msgspec import structs

from metering.demo import workloads
from metering.demo.workloads import FALLBACKS, Workload
from metering.entries import Result
from metering.usage import Usage

MOST_ATTEMPTS = 3
BYTES_PER_TOKEN = 4  # a hold is bounded by the input's bytes
FAILS = 0.012  # of the attempts of an ordinary day
OUTAGE_FAILS = 0.75
OUTAGE_PROVIDER = "anthropic"
OUTAGE_HOURS = range(13, 17)
ERRORS: tuple[tuple[int, int | None, str, str], ...] = (  # weight, status, class, message
    (4, 529, "overloaded", "Overloaded"),
    (4, 503, "overloaded", "The service is temporarily unavailable."),
    (5, 429, "rate_limited", "Rate limit reached for requests"),
    (2, 500, "provider", "The server had an error while processing the request."),
    (1, None, "transport", "no answer within 60 s"),
)
BROKEN_STREAM = "the vendor's stream ended before its answer did"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to draw. ``until`` is aware and excluded; days are days of ``zone``."""

    seed: int
    days: int
    calls_per_day: int
    until: dt.datetime
    zone: ZoneInfo

    @property
    def last_day(self) -> dt.date:
        return (self.until - dt.timedelta(microseconds=1)).astimezone(self.zone).date()

    @property
    def first_day(self) -> dt.date:
        return self.last_day - dt.timedelta(days=self.days - 1)

    def day_at(self, part: float) -> dt.date:
        """The day that lies this part of the way through the period."""
        return self.first_day + dt.timedelta(days=int(self.days * part))

    def workday_at(self, part: float) -> dt.date:
        """The same, or the Friday before when that is on a weekend."""
        day = self.day_at(part)
        return max(self.first_day, day - dt.timedelta(days=max(0, day.weekday() - 4)))

    @property
    def outage_day(self) -> dt.date:
        return self.workday_at(0.6)

    @property
    def rerun_day(self) -> dt.date:
        return self.workday_at(0.86)

    @property
    def switch_day(self) -> dt.date:
        """From here on support's triage runs on the model with the lower price per token."""
        return self.day_at(next(w.switch for w in workloads.WORKLOADS if w.feature == workloads.TRIAGE))


@dataclass(frozen=True, slots=True)
class Event:
    """One ledger entry to be.

    ``result`` is None when the worker died. ``corrects`` makes it a correction of that event; ``result`` then
    states what is right.
    """

    request_id: uuid.UUID
    attempt: int
    team: str
    key: str
    feature: str
    route: str
    model: str
    started_at: dt.datetime
    streamed: bool
    caches: bool
    input_bound: int
    output_bound: int
    result: Result | None
    from_cache: bool = False
    corrects: "Event | None" = None
    note: str = ""


def events(plan: Plan) -> Iterator[Event]:
    """All entries of the plan, by day and time; corrections after what they correct."""
    lost_from, corrected_from = plan.day_at(0.4), plan.day_at(0.7)
    lost = corrected = False
    for day in _days(plan):
        for event in _day(plan, day):
            if not lost and day >= lost_from and _may_be_lost(event):
                lost = True
                yield replace(event, result=None)
            elif not corrected and day >= corrected_from and _may_be_cut(event):
                corrected = True
                yield from _cut_and_corrected(event)
            else:
                yield event


def _days(plan: Plan) -> Iterator[dt.date]:
    for number in range(plan.days):
        yield plan.first_day + dt.timedelta(days=number)


def _day(plan: Plan, day: dt.date) -> list[Event]:
    found = [event for workload in workloads.WORKLOADS for event in _calls(plan, workload, day)]
    if day == plan.rerun_day:
        found += _calls(plan, workloads.RERUN, day)
    found.sort(key=lambda event: (event.started_at, event.request_id, event.attempt))
    return [event for event in found if event.started_at < plan.until]


def _calls(plan: Plan, workload: Workload, day: dt.date) -> Iterator[Event]:
    draw = _source(plan, workload, day)
    for _ in range(_how_many(plan, workload, day, draw)):
        yield from _call(plan, workload, _moment(workload, day, plan.zone, draw), draw)


def _source(plan: Plan, workload: Workload, day: dt.date) -> random.Random:
    what = f"{plan.seed}/{plan.days}/{plan.calls_per_day}/{day}/{workload.team}/{workload.key}/"
    return random.Random(what + f"{workload.feature}/{workload.route}")  # noqa: S311 - no secret


def _how_many(plan: Plan, workload: Workload, day: dt.date, draw: random.Random) -> int:
    if workload is workloads.RERUN:
        return math.ceil(plan.calls_per_day * workloads.RERUN_PART)
    part = (day - plan.first_day).days / max(1, plan.days - 1)
    growth = 1 + (workload.growth - 1) * part
    week = workload.weekend if day.weekday() >= 5 else 1.0
    average = plan.calls_per_day * workload.share * growth * week / _WHOLE
    return int(average * draw.uniform(0.85, 1.15) + draw.random())


def _weight(workload: Workload) -> float:
    """Its share with growth and weekends, averaged over the period."""
    return workload.share * (1 + workload.growth) / 2 * (5 + 2 * workload.weekend) / 7


_WHOLE = sum(_weight(workload) for workload in workloads.WORKLOADS)


def _moment(workload: Workload, day: dt.date, zone: ZoneInfo, draw: random.Random) -> dt.datetime:
    (hour,) = draw.choices(range(24), weights=workload.hours)
    within = dt.timedelta(microseconds=draw.randrange(3_600_000_000))
    return dt.datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(dt.UTC) + within


def _call(plan: Plan, workload: Workload, at: dt.datetime, draw: random.Random) -> Iterator[Event]:
    """The attempts of one request: failures first, each on the model or its fallback, then how it ended."""
    day = at.astimezone(plan.zone).date()
    model = _chosen(workload, late=day >= plan.day_at(workload.switch), draw=draw)
    event = Event(
        request_id=_request_id(at, draw),
        attempt=1,
        team=workload.team,
        key=workload.key,
        feature=workload.feature,
        route=workload.route,
        model=model,
        started_at=at,
        streamed=draw.random() < workload.streamed,
        caches=workload.prefix > 0,
        input_bound=0,
        output_bound=workload.ceiling,
        result=None,
    )
    if draw.random() < workload.repeated:
        yield replace(event, from_cache=True)
        return
    usage = _usage(workload, model, draw)
    event = replace(event, input_bound=usage.total_input * BYTES_PER_TOKEN + 400)
    while draw.random() < _fails(plan, event):
        yield replace(event, result=_failure(draw))
        if event.attempt == MOST_ATTEMPTS:
            return
        event = replace(event, attempt=event.attempt + 1, model=FALLBACKS.get(event.model, event.model))
        usage = _usage(workload, event.model, draw)
        event = replace(event, input_bound=usage.total_input * BYTES_PER_TOKEN + 400)
    yield replace(event, result=_answer(event, usage, draw))


def _chosen(workload: Workload, *, late: bool, draw: random.Random) -> str:
    weights = workload.later if late and workload.later else workload.models
    (model,) = draw.choices(list(weights), weights=list(weights.values()))
    return model


def _fails(plan: Plan, event: Event) -> float:
    local = event.started_at.astimezone(plan.zone)
    outage = local.date() == plan.outage_day and local.hour in OUTAGE_HOURS
    return OUTAGE_FAILS if outage and event.model.startswith(f"{OUTAGE_PROVIDER}/") else FAILS


def _usage(workload: Workload, model: str, draw: random.Random) -> Usage:
    """Tokens of a whole answer. Anthropic bills what it writes to its cache; the others cache unasked."""
    own = _around(workload.input, workload.spread, draw)
    output = _around(workload.output, workload.spread, draw)
    thought = _around(workload.reasoning.get(model, 0), workload.spread, draw)
    thought = min(thought, max(0, workload.ceiling - output))
    searches = int(draw.random() < workload.searches)
    usage = Usage(input=own, output=min(output, workload.ceiling), reasoning=thought, requests=searches)
    if not workload.prefix:
        return usage
    cached = draw.random() < 0.78
    if cached:
        return structs.replace(usage, cache_read=workload.prefix)
    if model.startswith("anthropic/"):
        return structs.replace(usage, cache_write_5m=workload.prefix)
    return structs.replace(usage, input=own + workload.prefix)


def _around(median: int, spread: float, draw: random.Random) -> int:
    return max(1, round(draw.lognormvariate(math.log(median), spread))) if median else 0


def _failure(draw: random.Random) -> Result:
    """A vendor's refusal is not billed; a call that got no answer at all may have been."""
    ((_, status, error_class, message),) = draw.choices(ERRORS, weights=[error[0] for error in ERRORS])
    return Result(
        outcome="error",
        not_billed=status is not None,
        status=status,
        error_class=error_class,
        error_message=message,
        latency_ms=draw.randrange(80, 900) if status else 60_000,
    )


def _answer(event: Event, usage: Usage, draw: random.Random) -> Result:
    first_byte = draw.randrange(180, 700) + usage.reasoning * 6
    latency = first_byte + usage.output * draw.randrange(8, 16)
    full = usage.output + usage.reasoning >= event.output_bound > 1
    answer = Result(
        outcome="ok",
        usage=usage,
        usage_source="reported",
        status=200,
        finish_reason="length" if full else "stop",
        served_model=event.model.partition("/")[2],
        first_byte_ms=first_byte,
        latency_ms=latency,
    )
    if not event.streamed:
        return answer
    luck = draw.random()
    if luck < 0.004:
        return _cut(answer, draw.uniform(0.2, 0.9))
    if luck < 0.03:  # the caller left; most of the time the stream was read on to its end
        source = "drained" if luck < 0.026 else "estimated"
        left = answer if source == "drained" else _cut(answer, draw.uniform(0.2, 0.9))
        return structs.replace(
            left, outcome="client_closed", usage_source=source, error_class="", error_message=""
        )
    return answer


def _cut(answer: Result, part: float) -> Result:
    """The stream broke off: the visible text is counted, thinking is not seen."""
    assert answer.usage is not None
    seen = structs.replace(answer.usage, output=math.ceil(answer.usage.output * part), reasoning=0)
    return structs.replace(
        answer,
        outcome="cut",
        usage=seen,
        usage_source="estimated",
        error_class="transport",
        error_message=BROKEN_STREAM,
        finish_reason="",
    )


def _may_be_lost(event: Event) -> bool:
    return event.feature == "reply-drafts" and event.result is not None and event.result.outcome == "ok"


def _may_be_cut(event: Event) -> bool:
    if event.result is None or event.result.usage is None or not event.streamed:
        return False
    return event.attempt == 1 and event.result.outcome == "ok" and event.result.usage.output > 100


def _cut_and_corrected(event: Event) -> Sequence[Event]:
    """A broken stream booked by estimate, and the correction after the vendor's invoice said more."""
    assert event.result is not None
    cut = replace(event, result=_cut(event.result, 0.55))
    assert cut.result is not None
    assert cut.result.usage is not None
    estimated = cut.result.usage.output
    billed = math.ceil(estimated * 1.2)
    right = structs.replace(
        cut.result, usage=structs.replace(cut.result.usage, output=billed), usage_source="reported"
    )
    note = f"demo: the vendor's invoice lists {billed} output tokens, {estimated} were estimated"
    return cut, replace(cut, result=right, corrects=cut, note=note)


def _request_id(at: dt.datetime, draw: random.Random) -> uuid.UUID:
    """A UUIDv7 (RFC 9562) of that moment, its random bits from ``draw``."""
    milliseconds = int(at.timestamp() * 1000)
    return uuid.UUID(
        int=milliseconds << 80 | 7 << 76 | draw.getrandbits(12) << 64 | 2 << 62 | draw.getrandbits(62)
    )

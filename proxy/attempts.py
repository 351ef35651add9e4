"""One upstream attempt: hold, exchange, settle. Whatever happens in between, exactly one entry is booked."""

import asyncio
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import msgspec

from catalog.snapshot import ModelRow
from metering.entries import Admission, Result
from metering.errors import LedgerUnavailable
from metering.limit_book import LimitRow
from proxy import endings, envelopes, errors
from proxy.adapters.base import (
    Adapter,
    ErrorClass,
    Target,
    VendorError,
    VendorRequest,
)
from proxy.adapters.registry import adapter_for
from proxy.gateway import Gateway
from proxy.interchange.dialect import Call
from proxy.job import Job
from proxy.links import resolving
from proxy.reliability.clearance import Clearance

# Said before any content, even inside a 200: the vendor did not take the call up, and bills nothing.
TURNED_AWAY = frozenset({ErrorClass.OVERLOADED, ErrorClass.RATE_LIMITED})
GRACE_SECONDS = 60  # a hold outlives its call's deadline by this much before the sweeper takes it for lost


@dataclass(slots=True)
class Attempt:
    """An admitted attempt. ``exchange`` in plain.py and streamed.py turn it into a Result."""

    gateway: Gateway
    job: Job
    model: ModelRow
    number: int
    adapter: Adapter
    call: Call
    target: Target
    request: VendorRequest
    admission: Admission
    began: float
    clearance: Clearance
    flags: tuple[str, ...] = ()  # of ours, for the entry: ``hedge``
    waited_before: float = 0.0  # seconds that the request spent on vendors and pauses until here
    took: float = 0.0  # seconds of the exchange
    queued: bool = False  # for room in a limit

    @property
    def fitted(self) -> int | None:
        """The ``max_tokens`` that the vendor was told, where limits left fewer than were asked for."""
        cut = self.admission.output_tokens < self.admission.output_wanted
        return self.target.max_output_tokens if cut else None

    @property
    def deadline(self) -> float:
        """Monotonic seconds: the request's own, or this attempt's where the model's ``total_timeout`` ends it
        earlier. A worker that stops may bring it forward."""
        return min(self.job.deadline, self.began + (self.model.timeouts.total or math.inf))

    def out_of_time(self, *, answering: bool) -> VendorError:
        """``answering``: whether the vendor had begun to."""
        is_cut = self.gateway.deadlines.is_cut(self.deadline)
        return endings.out_of_time(answering=answering, is_cut=is_cut)

    def milliseconds(self) -> int:
        return round((self.gateway.clock() - self.began) * 1000)


@dataclass(slots=True)
class Ended:
    """An exchange's end: the result to book, and the failure to act on (None: a good answer)."""

    result: Result
    error: VendorError | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # the vendor's, those that callers may see
    first_token: float | None = None  # seconds until a stream's first content


class Exchange(Protocol):
    """One HTTP exchange with a vendor: plain.py, streamed.py."""

    async def __call__(self, attempt: Attempt) -> Ended:
        """Raises VendorError when the vendor refused, or broke before any usage was seen."""
        ...

    def interrupted(self, attempt: Attempt) -> Ended:
        """The end when the request's deadline passed meanwhile."""
        ...


async def admitted(
    gateway: Gateway,
    job: Job,
    number: int,
    clearance: Clearance,
    *,
    limits: Sequence[LimitRow],
    flags: tuple[str, ...] = (),
    waited: float = 0.0,
    counted_from: dt.datetime | None = None,
) -> Attempt:
    """Set the bound aside and prepare the vendor's request.

    ``limits``: those in scope. ``counted_from``: the call waited for room and counts from then
    (reliability/queueing.py).

    Raises UnsupportedField, InvalidField, BadRequest and Forbidden (before anything is held), LimitReached,
    LedgerUnavailable, and NotCleared (when nothing is held any more).
    """
    model, secret = clearance.model, clearance.credential.secret
    adapter = adapter_for(model.provider.kind)
    bounds = job.bounds(model, at=counted_from or job.started_at)
    wanted = bounds.output_wanted
    named = job.parsed.max_output_tokens is not None or model.provider.kind == "anthropic"
    target = job.target(model, ceiling=wanted if named else None, credential=secret)
    call = await resolving.resolved(gateway, job, adapter, target)
    request = _written(adapter, call, target)
    _refuse_unpriced_tools(job, limits)
    admission = await gateway.books.hold(
        call=job.call(model, number, counted_from=counted_from),
        bounds=bounds,
        limits=limits,
        expires_at=dt.datetime.now(dt.UTC)
        + dt.timedelta(seconds=job.deadline - gateway.clock() + GRACE_SECONDS),
    )
    unbounded = admission.limited and not named and model.max_output_tokens is None and job.parsed.output
    try:
        if admission.output_tokens < wanted or unbounded:
            target = job.target(model, ceiling=admission.output_tokens, credential=secret)
            request = _written(adapter, call, target)
        await clearance.pass_breakers(gateway)
    except BaseException:
        gateway.books.release(admission.call)
        raise
    request.headers["x-client-request-id"] = f"{job.request_id}-{number}"
    return Attempt(
        gateway=gateway,
        job=job,
        model=model,
        number=number,
        adapter=adapter,
        call=call,
        target=target,
        request=request,
        admission=admission,
        began=gateway.clock(),
        clearance=clearance,
        flags=flags,
        waited_before=waited,
        queued=counted_from is not None,
    )


def _refuse_unpriced_tools(job: Job, limits: Sequence[LimitRow]) -> None:
    """Under a hard budget: what it cannot price it cannot cover. Raises Forbidden."""
    tools = job.parsed.unpriced_tools
    hard = next((limit for limit in limits if limit.unit == "usd" and limit.mode == "hard"), None)
    if tools and hard is not None:
        raise envelopes.tool_unpriced(tools[0], limit_id=hard.id, period=hard.period)


def _written(adapter: Adapter, call: Call, target: Target) -> VendorRequest:
    """The vendor's request. What can just be read may be nested too deeply to be written."""
    try:
        return adapter.request_for(call, target)
    except RecursionError as error:
        raise errors.BadRequest("The body is nested too deeply.", code="invalid_json") from error


async def settled(attempt: Attempt, exchange: Exchange) -> tuple[Ended, Decimal | None]:
    """Run the exchange within the deadline and book its end durably; returns the end and the cost.

    The entry is queued before anything else can be cancelled: a caller who leaves cannot lose it.
    """
    try:
        ended = await _within_deadline(attempt, exchange)
    except asyncio.CancelledError:  # the vendor may have worked, so it is booked as unknown
        _abandon(attempt, outcome="client_closed")
        raise
    except Exception:  # our own fault: the same, but nobody left
        _abandon(attempt, outcome="error", error_class="gateway")
        raise
    attempt.took = attempt.gateway.clock() - attempt.began
    headers = ended.error.headers if ended.error else ended.headers
    attempt.clearance.end(
        ended.error,
        succeeded=ended.error is None
        and (ended.result.outcome == "ok" or ended.result.usage_source == "drained"),
        headers=headers,
        first_token=ended.first_token,
    )
    cost, durable = _book(attempt, ended.result)
    try:
        async with attempt.gateway.deadlines.booking():
            await durable
    except (LedgerUnavailable, TimeoutError) as error:
        raise ended.error or endings.not_booked() from error
    return ended, cost


def _abandon(attempt: Attempt, *, outcome: str, error_class: str = "") -> None:
    attempt.clearance.end(None, succeeded=False)
    latency = attempt.milliseconds()
    _book(attempt, Result(outcome=outcome, error_class=error_class, latency_ms=latency))


def failure(attempt: Attempt, error: VendorError) -> Ended:
    """The end of an attempt that the vendor refused or that broke before any usage was seen."""
    error.scrub(attempt.target.api_key)
    refused = (
        not error.sent
        or (error.status is not None and error.status >= 400)
        or error.error_class in TURNED_AWAY
    )
    return Ended(
        error=error,
        result=Result(
            outcome="error",
            not_billed=refused,
            status=error.status,
            error_class=error.error_class.value,
            error_message=endings.recorded_words(error),
            upstream_id=error.upstream_id or "",
            latency_ms=attempt.milliseconds(),
        ),
    )


def _book(attempt: Attempt, result: Result) -> "tuple[Decimal | None, asyncio.Future[str]]":
    if attempt.flags:
        result = msgspec.structs.replace(result, flags=(*result.flags, *attempt.flags))
    if attempt.job.claim is not None:
        attempt.job.claim.booked(result)
    settled, durable = attempt.gateway.books.settle(
        admission=attempt.admission,
        result=result,
        prices=attempt.model.prices,
        catalog=attempt.job.configuration.catalog,
    )
    durable.add_done_callback(_retrieved)
    return settled.cost, durable


def _retrieved(future: "asyncio.Future[str]") -> None:
    """Nobody may be waiting any more; the failure was logged where it happened."""
    if not future.cancelled():
        future.exception()


async def _within_deadline(attempt: Attempt, exchange: Exchange) -> Ended:
    try:
        async with attempt.gateway.deadlines.within(attempt.deadline):
            return await exchange(attempt)
    except VendorError as error:
        return failure(attempt, error)
    except TimeoutError:
        return exchange.interrupted(attempt)


deadline_passed = endings.deadline_passed  # of a count, which is no attempt

__all__ = [
    "Attempt",
    "Ended",
    "Exchange",
    "admitted",
    "deadline_passed",
    "failure",
    "settled",
]

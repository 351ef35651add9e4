"""Answer one call: targets in order, retries for the transient, one entry for every attempt.

What is done about which failure is in ``reliability/reactions.py``; whether a target is asked at all, in
``reliability/clearance.py``.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal

import structlog

from catalog.snapshot import ModelRow
from metering.limit_book import LimitRow
from proxy import attempts, errors, upstream
from proxy.adapters.base import ErrorClass, InvalidField, UnsupportedField, VendorError
from proxy.attempts import Attempt, Ended, Exchange
from proxy.course import Course
from proxy.gateway import Gateway
from proxy.job import Delivery, Job, Served
from proxy.links import resolving
from proxy.plain import PlainExchange
from proxy.reliability import clearance, reactions, retries
from proxy.reliability.clearance import NotCleared
from proxy.streamed import StreamExchange

log = structlog.get_logger(__name__)

NewExchange = Callable[[], Exchange]
GivenUp = Callable[[], bool]  # the caller saw bytes or left: no further attempt
SHORTEST_WAIT_SECONDS = 0.02  # a rest may end between being refused for it and asking how long it lasts
HEDGE = "hedge"  # the flag of an entry whose attempt ran beside another one's


async def complete(gateway: Gateway, job: Job) -> Served:
    """The whole answer, after its settlement is durable. Raises CallError, VendorError, metering's errors."""
    course = Course.of(gateway, job)
    with course.noted():
        if job.route.hedge_after is not None and job.parsed.repeatable:
            return await _hedged(course, job.route.hedge_after)
        return await _run(course, PlainExchange, given_up=course.caller_left)


async def stream(gateway: Gateway, job: Job, delivery: Delivery) -> None:
    """Stream to ``delivery``. Raises while nothing was sent; later failures reach the caller as a frame."""
    current: list[StreamExchange] = []

    def fresh() -> StreamExchange:
        current[:] = [StreamExchange(delivery)]
        return current[0]

    course = Course.of(gateway, job)
    with course.noted():
        await _run(course, fresh, given_up=lambda: delivery.spoken or delivery.gone)
    if not delivery.gone or (delivery.keeps and current[0].is_whole):
        await current[0].finish()


async def _hedged(course: Course, after: float) -> Served:
    """The first good answer of two runs over the same targets, the second begun when the first is late.

    The one that comes second is not cut: the vendor bills it either way, so its exact cost is booked.
    """
    begin = course.gateway.in_background
    runs: set[asyncio.Task[Served]] = {begin(_run(course, PlainExchange, given_up=course.caller_left))}
    done, _ = await asyncio.wait(runs, timeout=after)
    # Begun: the first attempt, by which the request is counted, is in the books. Before that nothing is late.
    if not done and course.begun and course.has_targets:
        runs.add(begin(_run(course, PlainExchange, given_up=course.caller_left, flags=(HEDGE,))))
    waiting = runs
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        good = next((run for run in done if run.exception() is None), None)
        if good is not None or not waiting:
            for run in waiting:  # it goes on taking the place that its caller gives back
                course.gateway.occupied_by(run, key_id=course.job.key.id, size=course.job.parsed.size)
            ended: asyncio.Task[Served] = good or done.pop()
            return ended.result()


async def _run(
    course: Course, new_exchange: NewExchange, *, given_up: GivenUp, flags: tuple[str, ...] = ()
) -> Served:
    """The first good end over the targets that are left. Raises what the caller is to be told."""
    while (model := course.next_target()) is not None:
        served = await _on_target(course, model, new_exchange, given_up, flags)
        if served is not None:
            return served
    raise course.outcome()


async def _on_target(
    course: Course, model: ModelRow, new_exchange: NewExchange, given_up: GivenUp, flags: tuple[str, ...]
) -> Served | None:
    """Try there until an answer is good. None: the next target's turn. Raises what ends the request."""
    in_vain: set[int] = set()  # credentials
    course.budget(model).earn(model.provider.retry_budget, now=course.gateway.clock())
    tried = 0
    while True:
        try:
            attempt = await _in_turn(course, model, in_vain, flags)
        except NotCleared as refusal:
            if tried < model.provider.max_attempts and await _credential_rested(course, refusal):
                in_vain.clear()
                continue
            course.refused(refusal)
            return None
        except (UnsupportedField, InvalidField, errors.BadRequest) as error:
            course.failed(error)
            return None
        tried += 1
        ended, cost = await attempts.settled(attempt, new_exchange())
        course.waited += attempt.took
        if ended.error is None:
            return _served(course, attempt, ended, cost)
        _tell(attempt, ended.error)
        course.attempt_failed(model, ended.error)
        if given_up() or not course.may_go_on(ended.error):
            raise ended.error
        if reactions.REACTIONS[ended.error.error_class].next_credential:
            in_vain.add(attempt.clearance.credential.id)
        elif not await _paused(course, ended.error, tried, model):
            return None


async def _in_turn(course: Course, model: ModelRow, in_vain: set[int], flags: tuple[str, ...]) -> Attempt:
    """As ``_begun``, after a wait for room in a limit that allows one. A hedge does not wait: it is late."""
    gateway, job = course.gateway, course.job
    limits = job.configuration.limits.in_scope(
        team_id=job.key.team.id, api_key_id=job.key.id, model_id=model.id, tags=job.tags
    )

    async def begin(counted_from: dt.datetime | None) -> Attempt:
        return await _begun(course, model, in_vain, flags, limits, counted_from)

    if HEDGE in flags:
        return await begin(None)
    came = gateway.clock()
    attempt = await gateway.queue.run(begin, limits=limits, deadline=job.deadline)
    if attempt.queued:
        course.waited += gateway.clock() - came
    return attempt


async def _begun(
    course: Course,
    model: ModelRow,
    in_vain: set[int],
    flags: tuple[str, ...],
    limits: Sequence[LimitRow],
    counted_from: dt.datetime | None,
) -> Attempt:
    """An admitted attempt. Raises NotCleared, and what ``attempts.admitted`` raises."""
    gateway, job = course.gateway, course.job
    await resolving.fetched(gateway, job, model, deadline=course.deadline)  # before any place is taken
    cleared = await clearance.cleared(
        gateway, job, model, avoid=in_vain, counted=model.id not in course.blamed
    )
    number = course.next_number()
    try:
        attempt = await attempts.admitted(
            gateway,
            job,
            number,
            cleared,
            limits=limits,
            flags=flags,
            waited=course.waited,
            counted_from=counted_from,
        )
    except BaseException:
        course.take_back(number)
        cleared.end(None, succeeded=False)
        raise
    course.begun += 1
    return attempt


async def _credential_rested(course: Course, refusal: NotCleared) -> bool:
    """Whether the vendor's wait is short enough to be waited for, when nobody else can be asked; waits."""
    if refusal.code != "credentials_resting" or course.has_targets or not course.was_only_throttled():
        return False
    if refusal.wait > retries.LONGEST_RETRY_AFTER_SECONDS:
        return False
    return await _slept(course, max(SHORTEST_WAIT_SECONDS, refusal.wait))


async def _paused(course: Course, error: VendorError, tried: int, model: ModelRow) -> bool:
    """Whether the same target is worth another try, and the provider's retry budget has one; waits."""
    if tried >= model.provider.max_attempts or not reactions.may_retry_there(error):
        return False
    pause = retries.pause_before(retry=tried, retry_after=error.retry_after, draw=course.gateway.draw)
    if pause is None or not course.budget(model).spend(now=course.gateway.clock()):
        return False
    return await _slept(course, pause)


async def _slept(course: Course, seconds: float) -> bool:
    """Whether there is time for it, and some left after it: a stopping worker brings the end forward."""
    if course.gateway.clock() + seconds >= course.deadline:
        return False
    course.waited += seconds
    await asyncio.sleep(seconds)
    return course.gateway.clock() < course.deadline


def _served(course: Course, attempt: Attempt, ended: Ended, cost: Decimal | None) -> Served:
    return Served(
        model=attempt.model.full_name,
        attempts=course.begun,
        cost_usd=cost,
        body=ended.body,
        headers=ended.headers,
        dropped=attempt.request.dropped,
        rates=attempt.admission.rates,
        fitted=attempt.fitted,
        overhead=course.gateway.clock() - course.job.began - course.waited,
    )


def _tell(attempt: Attempt, error: VendorError) -> None:
    """One line for an attempt that failed; a rejected credential is loud."""
    credential = error.error_class in (ErrorClass.CREDENTIAL, ErrorClass.CREDENTIAL_FUNDS)
    (log.error if credential else log.warning)(
        "attempt_failed",
        request_id=str(attempt.job.request_id),
        attempt=attempt.number,
        model=attempt.model.full_name,
        credential=attempt.clearance.credential.name,
        error_class=error.error_class.value,
        status=error.status,
        code=error.word or None,
        upstream_id=error.upstream_id,
        detail=upstream.detail_of(error),
        milliseconds=attempt.milliseconds(),
    )

"""Answer one call: targets in order, retries for the transient, one entry for every attempt."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import structlog

from catalog.snapshot import ModelRow
from proxy import attempts, errors, routing
from proxy.adapters.base import ErrorClass, InvalidField, UnsupportedField, VendorError
from proxy.attempts import Attempt, Ended, Exchange
from proxy.gateway import Gateway
from proxy.job import Delivery, Job, Served
from proxy.plain import PlainExchange
from proxy.streamed import StreamExchange

log = structlog.get_logger(__name__)

RETRIED = frozenset({ErrorClass.OVERLOADED, ErrorClass.PROVIDER, ErrorClass.TRANSPORT})
FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 2.0
LONGEST_RETRY_AFTER_SECONDS = 5.0  # a vendor that asks for more is left for the next target

NewExchange = Callable[[], Exchange]


async def complete(gateway: Gateway, job: Job) -> Served:
    """The whole answer, after its settlement is durable. Raises CallError, VendorError, metering's errors."""
    served, _ = await _over_targets(gateway, job, PlainExchange, given_up=lambda: False)
    return served


async def stream(gateway: Gateway, job: Job, delivery: Delivery) -> None:
    """Stream to ``delivery``. Raises while nothing was sent; later failures reach the caller as a frame."""
    current: list[StreamExchange] = []

    def fresh() -> StreamExchange:
        current[:] = [StreamExchange(delivery)]
        return current[0]

    await _over_targets(gateway, job, fresh, given_up=lambda: delivery.spoken or delivery.gone)
    if not delivery.gone:
        await current[0].finish()


async def _over_targets(
    gateway: Gateway, job: Job, new_exchange: NewExchange, *, given_up: Callable[[], bool]
) -> tuple[Served, Ended]:
    """The first good end over all targets. ``given_up``: the caller saw bytes or left; no further attempt."""
    last: Exception | None = None
    number = 0
    for model in routing.targets_for(job.route, draw=gateway.draw):
        for tried in range(model.provider.max_attempts):
            passage = gateway.breakers.admit(model, now=gateway.clock())
            if passage is None:
                last = last or _all_open(model, gateway.breakers.wait(model, now=gateway.clock()))
                break
            try:
                attempt = await attempts.admitted(gateway, job, model, number + 1)
            except (UnsupportedField, InvalidField, errors.BadRequest) as error:
                passage.end(None, now=gateway.clock())
                last = last or error
                break
            except BaseException:
                passage.end(None, now=gateway.clock())
                raise
            number += 1
            ended, cost = await attempts.settled(attempt, passage, new_exchange())
            if ended.error is None:
                return _served(attempt, ended, cost), ended
            last = ended.error
            _tell(attempt, ended.error)
            if given_up() or ended.error.error_class is ErrorClass.CALLER:
                raise ended.error
            if not await _waited(gateway, job, ended.error, tried, model):
                break
    raise last if last is not None else _no_target(job)


def _served(attempt: Attempt, ended: Ended, cost: Decimal | None) -> Served:
    return Served(
        model=attempt.model.full_name,
        attempts=attempt.number,
        cost_usd=cost,
        body=ended.body,
        headers=ended.headers,
        dropped=attempt.request.dropped,
    )


async def _waited(gateway: Gateway, job: Job, error: VendorError, tried: int, model: ModelRow) -> bool:
    """Whether the same target is worth another try; waits with full jitter before it."""
    if error.error_class not in RETRIED or tried + 1 >= model.provider.max_attempts:
        return False
    ceiling = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**tried)
    pause = gateway.draw.uniform(0, ceiling)
    if error.retry_after is not None:
        if error.retry_after > LONGEST_RETRY_AFTER_SECONDS:
            return False
        pause = max(pause, error.retry_after)
    if gateway.clock() + pause >= job.deadline:
        return False
    await asyncio.sleep(pause)
    return True


def _tell(attempt: Attempt, error: VendorError) -> None:
    """One line for an attempt that failed; a rejected credential is loud."""
    credential = error.error_class in (ErrorClass.CREDENTIAL, ErrorClass.CREDENTIAL_FUNDS)
    (log.error if credential else log.warning)(
        "attempt_failed",
        request_id=str(attempt.job.request_id),
        attempt=attempt.number,
        model=attempt.model.full_name,
        error_class=error.error_class.value,
        status=error.status,
        code=error.code if attempts.IDENTIFIER.fullmatch(error.code or "") else None,  # not a sentence
    )


def _all_open(model: ModelRow, wait: float) -> errors.CallError:
    return errors.Unavailable(
        f"{model.full_name} is failing and is left alone for the moment. Try again shortly.",
        code="circuit_open",
        retry_after=max(1.0, wait),
    )


def _no_target(job: Job) -> errors.CallError:
    return errors.Unavailable(f"No usable provider sells {job.parsed.model!r}.", code="no_target")

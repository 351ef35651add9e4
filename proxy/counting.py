"""Counting tokens: an answer from a vendor that nobody bills, so nothing is held and nothing is booked.

Routing, credentials and breakers are those of other calls; the first target that can count does (checks L2).
"""

import asyncio

import structlog

from catalog.snapshot import ModelRow
from proxy import attempts, errors
from proxy.adapters import faults
from proxy.adapters.base import ErrorClass, UnsupportedField, VendorError
from proxy.adapters.registry import adapter_for
from proxy.course import Course
from proxy.gateway import Gateway
from proxy.job import Job, Served
from proxy.links import resolving
from proxy.reliability import clearance
from proxy.reliability.clearance import Clearance, NotCleared

log = structlog.get_logger(__name__)


async def count(gateway: Gateway, job: Job) -> Served:
    """The count of the first target that answers. Raises CallError, VendorError, InvalidField.

    404 when no target counts: an invented number would stop a client from compacting in time.
    """
    course = Course.of(gateway, job)
    while (model := course.next_target()) is not None:
        try:
            return await _counted(gateway, job, model)
        except UnsupportedField as error:
            course.failed(errors.NotFound(f"{job.parsed.model}: {error.reason}", code="not_supported"))
        except NotCleared as refusal:
            course.refused(refusal)
        except VendorError as error:
            course.attempt_failed(model, error)
            _tell(job, model, error)
            if error.error_class is ErrorClass.CALLER:
                break
    raise course.outcome()


async def _counted(gateway: Gateway, job: Job, model: ModelRow) -> Served:
    await resolving.fetched(gateway, job, model, deadline=job.deadline)
    cleared = await clearance.cleared(gateway, job, model)
    failed: VendorError | None = None
    succeeded = False
    try:
        async with asyncio.timeout(max(0.0, job.deadline - gateway.clock())):
            await cleared.pass_breakers(gateway)
            served = await _asked(gateway, job, cleared)
        succeeded = True
    except TimeoutError:
        failed = attempts.deadline_passed(answering=False)
        raise failed from None
    except VendorError as error:
        failed = error
        error.scrub(cleared.credential.secret)
        raise
    finally:
        cleared.end(failed, succeeded=succeeded, headers=failed.headers if failed else None)
    return served


async def _asked(gateway: Gateway, job: Job, cleared: Clearance) -> Served:
    model = cleared.model
    adapter = adapter_for(model.provider.kind)
    target = job.target(model, ceiling=None, credential=cleared.credential.secret)
    call = await resolving.resolved(gateway, job, adapter, target)
    request = adapter.request_for(call, target)
    request.headers["x-client-request-id"] = f"{job.request_id}-1"
    async with gateway.upstream.send(request, model.provider, model.timeouts) as response:
        body = await response.body()
        if not 200 <= response.status < 300:
            raise adapter.error_from(response.status, response.headers, body)
        answer = adapter.response_from(body, response.headers, call, target)
        headers = faults.passed_on(response.headers, secret=target.api_key)
    return Served(model=model.full_name, attempts=1, body=answer.body, headers=headers)


def _tell(job: Job, model: ModelRow, error: VendorError) -> None:
    log.warning(
        "count_failed",
        request_id=str(job.request_id),
        model=model.full_name,
        error_class=error.error_class.value,
        status=error.status,
        code=error.word or None,
        upstream_id=error.upstream_id,
    )

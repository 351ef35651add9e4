"""Counting tokens: an answer from a vendor that nobody bills, so nothing is held and nothing is booked.

Routing and breakers are those of other calls; the first target that can count does (checks L2).
"""

import structlog

from catalog.snapshot import ModelRow
from proxy import errors, routing
from proxy.adapters import faults
from proxy.adapters.base import ErrorClass, UnsupportedField, VendorError
from proxy.adapters.registry import adapter_for
from proxy.gateway import Gateway
from proxy.job import Job, Served
from proxy.links import resolving

log = structlog.get_logger(__name__)


async def count(gateway: Gateway, job: Job) -> Served:
    """The count of the first target that answers. Raises CallError, VendorError, InvalidField.

    404 when no target counts: an invented number would stop a client from compacting in time.
    """
    last: Exception | None = None
    for model in routing.targets_for(job.route, draw=gateway.draw):
        try:
            return await _counted(gateway, job, model)
        except UnsupportedField as error:
            last = last or errors.NotFound(f"{job.parsed.model}: {error.reason}", code="not_supported")
        except VendorError as error:
            error.scrub(model.provider.api_key)
            log.warning("count_failed", model=model.full_name, error_class=error.error_class.value)
            last = error
            if error.error_class is ErrorClass.CALLER:
                break
    raise last or errors.Unavailable(f"No usable provider sells {job.parsed.model!r}.", code="no_target")


async def _counted(gateway: Gateway, job: Job, model: ModelRow) -> Served:
    adapter = adapter_for(model.provider.kind)
    target = job.target(model, ceiling=None)
    call = await resolving.resolved(gateway, job, adapter, target)
    request = adapter.request_for(call, target)
    passage = gateway.breakers.admit(model, now=gateway.clock())
    if passage is None:
        raise VendorError(error_class=ErrorClass.OVERLOADED, message="the circuit is open", sent=False)
    failed: ErrorClass | None = None
    try:
        async with gateway.upstream.send(request, model.provider) as response:
            body = await response.body()
            if not 200 <= response.status < 300:
                raise adapter.error_from(response.status, response.headers, body)
            answer = adapter.response_from(body, response.headers, call, target)
            headers = faults.passed_on(response.headers, secret=target.api_key)
    except VendorError as error:
        failed = error.error_class
        raise
    finally:
        passage.end(failed, now=gateway.clock(), succeeded=failed is None)
    return Served(model=model.full_name, attempts=1, body=answer.body, headers=headers)

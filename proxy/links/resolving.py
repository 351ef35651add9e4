"""A call with what its links led to, for a vendor that does not follow links itself."""

import asyncio
import dataclasses

from catalog.snapshot import ModelRow
from proxy import errors
from proxy.adapters.base import Adapter, Target
from proxy.adapters.registry import adapter_for
from proxy.gateway import Gateway
from proxy.interchange.dialect import Call, Link
from proxy.job import Job


async def resolved(gateway: Gateway, job: Job, adapter: Adapter, target: Target) -> Call:
    """The job's call, with every link fetched that this target needs; each is fetched once a request.

    Raises UnsupportedField, InvalidField, and BadRequest for a link that cannot be fetched.
    """
    call = job.parsed.call
    if not job.parsed.linked_parts:
        return call
    needed = adapter.links_for(call, target)
    missing = [url for url in needed if url not in job.links]
    if missing:
        fetched = await gateway.links.fetch_all(missing, keep=job.keep)
        job.links.update({url: Link(found.media_type, found.data) for url, found in fetched.items()})
    return dataclasses.replace(call, links=job.links) if needed else call


async def fetched(gateway: Gateway, job: Job, model: ModelRow, *, deadline: float) -> None:
    """Fetch what ``model`` needs fetched, so that ``resolved`` waits for nobody. ``deadline``: monotonic
    seconds. Raises what ``resolved`` raises, and RequestTimeout."""
    if not job.parsed.linked_parts:
        return
    target = job.target(model, ceiling=None, credential="")
    try:
        async with asyncio.timeout(max(0.0, deadline - gateway.clock())):
            await resolved(gateway, job, adapter_for(model.provider.kind), target)
    except TimeoutError as error:
        raise errors.RequestTimeout("The links in this request could not be fetched in time.") from error

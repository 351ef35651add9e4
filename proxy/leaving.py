"""A caller of a whole answer who leaves before it is there. (Streams notice by themselves: ``delivery``.)

Watched only where a provider's policy is to cut then: by default the answer is read and booked exactly.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from catalog.snapshot import RouteRow
from proxy.requests import Receive


@contextlib.asynccontextmanager
async def watched(route: RouteRow, receive: Receive) -> AsyncIterator[asyncio.Event | None]:
    """An event that is set when the caller has left; None where nobody would act on it."""
    if all(model.provider.on_leave == "drain" for model, _ in route.targets):
        yield None
        return
    left = asyncio.Event()
    watch = asyncio.create_task(_until_gone(receive, left), name="caller")
    try:
        yield left
    finally:
        watch.cancel()


async def _until_gone(receive: Receive, left: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    left.set()

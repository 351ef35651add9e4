"""Workers that notice and send, over a database where commits are real."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from catalog.guard import open_networks
from metering.budgets.notifier import Notifier
from tests.metering import house as h
from tests.metering.budgets.receiver import Receiver, receiving
from tests.metering.ledger import new_pool


@asynccontextmanager
async def notifiers(conninfo: str, number: int = 1) -> AsyncIterator[list[Notifier]]:
    """So many workers' notifiers, each with a pool of its own; nothing runs by itself."""
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(new_pool(conninfo)) for _ in range(number)]
        yield [Notifier(pool=pool, zone=h.UTC) for pool in pools]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = open_networks(["127.0.0.1/32"])
    with receiving() as server:
        yield server


@pytest.fixture(autouse=True)
def _mail_is_set_up(settings: Any) -> None:
    """pytest-django keeps what is sent in ``mail.outbox``."""
    settings.SENDS_MAIL = True

"""The task of a worker that notices what budgets have crossed and sends what waits to be sent.

Every worker has one; what one of them does, the others find done (advisory lock, SKIP LOCKED). It shares
nothing with calls but the pool: a mail server or a webhook that hangs holds up nobody.
"""

import asyncio
import datetime as dt
import smtplib
import time
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from metering.budgets import messages, notices, outbox
from metering.budgets.messages import Mail
from metering.budgets.outbox import Dispatch
from metering.budgets.webhooks import Answer, Poster

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
AWAY = (psycopg.Error, PoolTimeout, OSError)
NO_MAIL = "no mail server is set up: EMAIL_URL"


class Notifier:
    def __init__(self, *, pool: AsyncConnectionPool[Any], zone: ZoneInfo) -> None:
        self._pool = pool
        self._zone = zone
        self._poster = Poster(opened=settings.WEBHOOK_NETWORKS)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Two tasks: a receiver that is slow to answer delays no notice's being written."""
        self._tasks = [
            asyncio.create_task(self._every(self._look, "notices"), name="notices"),
            asyncio.create_task(self._every(self.send, "deliveries"), name="deliveries"),
        ]

    async def stop(self) -> None:
        """What is being sent is sent again by whoever looks next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def look(self, *, at: dt.datetime) -> int:
        """Notice the thresholds that budgets have crossed; how many."""
        async with self._pool.connection() as connection:
            return await notices.look(connection, at=at, zone=self._zone)

    async def send(self) -> int:
        """Try every delivery whose time has come; how many."""
        sent = 0
        while True:
            async with self._pool.connection() as connection:
                claimed = await outbox.claim(connection)
            await asyncio.gather(*[self._deliver(dispatch) for dispatch in claimed])
            sent += len(claimed)
            if len(claimed) < outbox.AT_ONCE:
                return sent

    async def _look(self) -> None:
        await self.look(at=dt.datetime.now(dt.UTC))

    async def _deliver(self, dispatch: Dispatch) -> None:
        answer = await self._tried(dispatch)
        if not answer.arrived:
            log.warning(
                "notice_not_delivered",
                delivery=dispatch.id,
                channel=dispatch.channel,
                team=dispatch.team,
                to=urlsplit(dispatch.address).hostname if dispatch.channel == "webhook" else None,
                tries=dispatch.tries,
                answer=answer.said,
            )
        async with self._pool.connection() as connection:
            await outbox.mark(
                connection, dispatch, arrived=answer.arrived, final=answer.final, answer=answer.said
            )

    async def _tried(self, dispatch: Dispatch) -> Answer:
        if dispatch.channel == "email":
            mail = messages.mail(dispatch, zone=self._zone, public_url=settings.PUBLIC_URL)
            return await asyncio.to_thread(_mailed, mail, dispatch.address)
        if not dispatch.enabled:
            return Answer(False, "the webhook is disabled", final=True)
        return await self._poster.post(
            url=dispatch.address,
            secret_encrypted=dispatch.secret_encrypted or "",
            body=messages.body(dispatch),
            timestamp=int(time.time()),
        )

    async def _every(self, work: Any, name: str) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await work()
            except AWAY as error:
                log.warning(f"{name}_postponed", error=type(error).__name__)
            except Exception:  # a task that ends in silence would tell nobody of any budget again
                log.exception(f"{name}_failed")


def _mailed(mail: Mail, address: str) -> Answer:
    """One try; raises nothing."""
    if not settings.SENDS_MAIL:
        return Answer(False, NO_MAIL, final=True)
    try:
        EmailMessage(mail.subject, mail.text, to=[address]).send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Answer(False, f"{type(error).__name__}: {error}")
    return Answer(True, "accepted by the mail server")

"""Deliveries: signed, tried again, logged, and never lost."""

import asyncio
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db.models import F

from catalog.models import ApiKey
from metering.budgets import outbox, webhooks
from metering.models import Limit, NoticeDelivery, Webhook
from tests import factories
from tests.metering import house as h
from tests.metering.budgets.conftest import notifiers
from tests.metering.budgets.receiver import Receiver
from tests.metering.house import AT, House

SECRET = "whsec_of_the_test"


def hook(url: str, **fields: Any) -> Webhook:
    made = Webhook(url=url, **fields)
    made.set_secret(SECRET)
    made.save()
    return made


@pytest.fixture
def crossed(own: str, own_house: House) -> Callable[[], None]:
    """Half of 10 USD a month is used, and one worker has noticed it and died."""
    limit = h.make_limit(own_house, "10")
    h.open_window(limit)

    def cross() -> None:
        h.settle(h.entry(own_house, tokens={}, cost="5"))
        asyncio.run(noticed())

    async def noticed() -> None:
        async with notifiers(own) as [notifier]:
            assert await notifier.look(at=AT) == 1

    return cross


async def send(conninfo: str, workers: int = 1) -> int:
    async with notifiers(conninfo, workers) as several:
        return sum(await asyncio.gather(*[notifier.send() for notifier in several]))


def later() -> None:
    """The pauses are over."""
    NoticeDelivery.objects.update(next_try_at=F("next_try_at") - dt.timedelta(days=2))


def test_what_one_worker_has_decided_another_one_sends(
    own: str, receiver: Receiver, crossed: Callable[[], None]
) -> None:
    hook(receiver.url)
    crossed()

    assert asyncio.run(send(own, workers=3)) == 1

    [event] = receiver.events
    limit = Limit.objects.get()
    assert event.pop("id") == str(NoticeDelivery.objects.get().notice.event_id)
    assert event.pop("created_at")
    assert event == {
        "type": "budget.threshold",
        "budget": {
            "id": limit.pk,
            "team": "search",
            "scope": "team",
            "scope_name": "search",
            "period": "month",
            "mode": "hard",
            "starts_at": "2026-11-01T00:00:00Z",
            "ends_at": "2026-12-01T00:00:00Z",
        },
        "threshold": 50,
        "used": "5",
        "ceiling": "10",
    }
    delivery = NoticeDelivery.objects.get()
    assert (delivery.state, delivery.tries, delivery.last_answer) == ("delivered", 1, "HTTP 200")
    assert asyncio.run(send(own)) == 0


def test_its_signature_is_the_hmac_of_the_moment_and_the_body(
    own: str, receiver: Receiver, crossed: Callable[[], None]
) -> None:
    hook(receiver.url)
    crossed()
    asyncio.run(send(own))

    [(headers, body)] = receiver.requests
    moment, signed = (part.partition("=")[2] for part in headers[webhooks.SIGNATURE].split(","))
    assert abs(int(moment) - dt.datetime.now(dt.UTC).timestamp()) < 30
    assert signed == hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Content-Type"] == "application/json"


def test_a_known_signature() -> None:
    """Worked out with ``openssl dgst -sha256 -hmac whsec_x``."""
    body = b'{"id":"1"}'

    assert webhooks.signature(secret="whsec_x", body=body, timestamp=1763640000) == (
        "t=1763640000,v1=c5684e602a81053cab5a279982adf93d02876af7f2cd8aa980902d848aa927d5"
    )


@pytest.mark.parametrize("status", [301, 400, 500])
def test_a_receiver_that_fails_is_tried_again_with_the_same_id(
    own: str, receiver: Receiver, crossed: Callable[[], None], status: int
) -> None:
    hook(receiver.url)
    crossed()
    receiver.statuses = [status]

    asyncio.run(send(own))
    waiting = NoticeDelivery.objects.get()
    at_once = asyncio.run(send(own))
    later()
    asyncio.run(send(own))

    assert (waiting.state, waiting.last_answer, at_once) == ("waiting", f"HTTP {status}", 0)
    assert NoticeDelivery.objects.get().state == "delivered"
    first, second = receiver.events
    assert first == second


def test_the_pauses_double(own: str, receiver: Receiver, crossed: Callable[[], None]) -> None:
    hook(receiver.url)
    crossed()
    receiver.statuses = [500] * 12
    pauses = []
    for _ in range(12):
        before = dt.datetime.now(dt.UTC)
        asyncio.run(send(own))
        pauses.append((NoticeDelivery.objects.get().next_try_at - before).total_seconds())
        later()

    seconds = [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert all(told <= pause < told + 10 for told, pause in zip(seconds, pauses, strict=True)), pauses


def test_after_a_day_it_is_given_up(own: str, receiver: Receiver, crossed: Callable[[], None]) -> None:
    hook(receiver.url)
    crossed()
    receiver.statuses = [500]
    NoticeDelivery.objects.update(tries=outbox.MOST_TRIES - 1)

    asyncio.run(send(own))

    assert NoticeDelivery.objects.get().state == "given_up"
    later()
    assert asyncio.run(send(own)) == 0


def test_a_worker_that_dies_while_it_sends_loses_nothing(
    own: str, receiver: Receiver, crossed: Callable[[], None]
) -> None:
    hook(receiver.url)
    crossed()

    async def claim_and_die() -> None:
        async with notifiers(own) as [notifier], notifier._pool.connection() as connection:
            assert len(await outbox.claim(connection)) == 1

    asyncio.run(claim_and_die())
    at_once = asyncio.run(send(own))
    later()

    assert (at_once, asyncio.run(send(own)), len(receiver.requests)) == (0, 1, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost/",
        "http://0x7f.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
    ],
)
def test_an_address_inside_is_never_talked_to(own: str, crossed: Callable[[], None], url: str) -> None:
    hook(url)
    crossed()

    asyncio.run(send(own))

    delivery = NoticeDelivery.objects.get()
    assert delivery.last_answer == "PermissionError: the address is inside, and not in WEBHOOK_NETWORKS"
    assert delivery.state == "waiting"


def test_a_webhook_of_another_team_and_a_disabled_one_are_told_nothing(
    own: str, receiver: Receiver, crossed: Callable[[], None]
) -> None:
    hook(receiver.url, team=factories.make_team("ads"))
    hook(receiver.url, enabled=False)
    crossed()

    assert NoticeDelivery.objects.count() == 0


def test_a_webhook_that_was_disabled_meanwhile_is_sent_nothing(
    own: str, receiver: Receiver, crossed: Callable[[], None]
) -> None:
    hook(receiver.url)
    crossed()
    Webhook.objects.update(enabled=False)

    asyncio.run(send(own))

    assert (NoticeDelivery.objects.get().state, receiver.requests) == ("given_up", [])


def test_people_are_told_by_mail(own: str, own_house: House, crossed: Callable[[], None]) -> None:
    Limit.objects.update(notify_emails=["fin@example.org"])
    crossed()

    asyncio.run(send(own))

    [message] = mail.outbox
    assert message.to == ["fin@example.org"]
    assert message.subject == "50 % of the monthly budget of team search is used"
    assert message.body == (
        "5.00 USD of 10.00 USD of the monthly budget of team search are used. Calls that do not fit into it"
        " are refused.\n\nThe period ends at 2026-12-01 00:00 (UTC).\n\n"
        f"/spend/budgets/{Limit.objects.get().pk}/\n"
    )


def test_a_line_break_in_a_name_does_not_keep_the_mail_back(own: str, own_house: House) -> None:
    ApiKey.objects.filter(pk=own_house.key).update(name="nightly\nBcc: all@example.org")
    limit = h.make_limit(own_house, "10", api_key_id=own_house.key, notify_emails=["fin@example.org"])
    h.open_window(limit)
    h.settle(h.entry(own_house, tokens={}, cost="5"))
    asyncio.run(_noticed_and_sent(own))

    [message] = mail.outbox
    assert message.subject == (
        "50 % of the monthly budget of key nightly Bcc: all@example.org of team search is used"
    )
    assert message.recipients() == ["fin@example.org"]


async def _noticed_and_sent(conninfo: str) -> None:
    async with notifiers(conninfo) as [notifier]:
        await notifier.look(at=AT)
        await notifier.send()


def test_without_a_mail_server_the_log_says_so(
    own: str, own_house: House, crossed: Callable[[], None], settings: Any
) -> None:
    settings.SENDS_MAIL = False
    Limit.objects.update(notify_emails=["fin@example.org"])
    crossed()

    asyncio.run(send(own))

    delivery = NoticeDelivery.objects.get()
    assert (delivery.state, delivery.last_answer) == ("given_up", "no mail server is set up: EMAIL_URL")
    assert mail.outbox == []


def test_a_mail_server_that_is_away_is_tried_again(
    own: str, own_house: House, crossed: Callable[[], None], settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    Limit.objects.update(notify_emails=["fin@example.org"])
    crossed()

    asyncio.run(send(own))

    delivery = NoticeDelivery.objects.get()
    assert delivery.state == "waiting"
    assert delivery.last_answer.startswith("ConnectionRefusedError")

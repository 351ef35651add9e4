"""One row of every model in the admin, so that tests can open every page there is."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils import timezone

from catalog.models import PriceProposal, Route, RouteTarget
from metering.models import (
    BudgetNotice,
    DailySpend,
    Hold,
    Limit,
    LimitRaise,
    LimitWindow,
    NoticeDelivery,
    Webhook,
    WorkerLease,
)
from metering.usage import Usage
from proxy.models import Breaker, BreakerEvent, CredentialState, HealthCheck
from tests import factories
from tests.metering.constraint_cases import closing as closing_cases
from tests.metering.constraint_cases import corrections as correction_cases
from tests.metering.constraint_cases import reconciliation as vendor_cases
from tests.metering.house import House


def one_of_each(*leads: User) -> dict[type[Model], Any]:
    """Rows of the team ``search``, led by ``leads``."""
    team = factories.make_team("search", leads=tuple(leads))
    key = factories.make_key("each", team=team)
    model = factories.make_model()
    price = factories.make_price(model)
    entry = factories.make_entry(key=key, model=model, price=price, usage=Usage(input=10, output=5))
    now = timezone.now()
    limit = Limit.objects.create(team=team, unit="usd", amount=Decimal(5), period="month")
    window = LimitWindow.objects.create(
        limit=limit,
        starts_at=now - dt.timedelta(days=1),
        ends_at=now + dt.timedelta(days=1),
        spent=Decimal("1.25"),
    )
    hold = Hold.objects.create(
        request_id=uuid.uuid4(),
        attempt=1,
        team=team,
        api_key=key,
        model=model,
        route="warm",
        price=price,
        usd=Decimal("0.5"),
        tokens=100,
        window_ids=[window.pk],
        window_amounts=[Decimal("0.5")],
        worker=uuid.uuid4(),
        started_at=now,
        expires_at=now,
    )
    proposal = PriceProposal.objects.create(
        model=model,
        effective_from=now,
        rates={"input": "2.00", "output": "8.00"},
        reason="lower",
        source="book",
        made_by="book",
        from_feed=True,
    )
    route = Route.objects.create(name="warm")
    breaker = Breaker.objects.create(provider=model.provider, model=model, changed_at=now)
    rows: list[Model] = [
        team,
        key,
        model,
        model.provider,
        price,
        proposal,
        route,
        RouteTarget.objects.create(route=route, model=model),
        limit,
        window,
        hold,
        entry,
        DailySpend.objects.get(api_key=key),
        WorkerLease.objects.create(id=uuid.uuid4(), host="h", pid=1, started_at=now, seen_at=now),
        breaker,
        BreakerEvent.objects.create(
            breaker=breaker, at=now, was="half_open", now="closed", reason="probe_succeeded"
        ),
        CredentialState.objects.create(
            provider=model.provider, reason="rejected", since=now, until=now + dt.timedelta(minutes=5)
        ),
        HealthCheck.objects.create(provider=model.provider, claimed_at=now, checked_at=now, healthy=True),
        factories.make_user("somebody"),
        Group.objects.get(name="Finance"),
        *_around_budgets(limit, window),
        *_of_the_books(House(team.pk, key.pk, key.pk, model.pk, price.pk, model.pk)),
        LogEntry.objects.get_for_object(route).get(),
    ]
    return {type(row): row for row in rows}


def _of_the_books(house: House) -> list[Model]:
    """Corrections, closed months, reconciliation: as the cases of their constraints make them."""
    closing = closing_cases.closing(house)
    return [
        correction_cases.batch(),
        closing.period,
        closing,
        closing_cases.waiver(house),
        closing_cases.asked(house, closing=closing),
        vendor_cases.alias(house),
        vendor_cases.account(house),
        vendor_cases.credential(house),
        vendor_cases.report(house),
        vendor_cases.cost(house),
        vendor_cases.run(house),
        vendor_cases.explanation(house),
        vendor_cases.sign_off(house),
    ]


def _around_budgets(limit: Limit, window: LimitWindow) -> list[Model]:
    period = {"limit": limit, "starts_at": window.starts_at, "ends_at": window.ends_at}
    asker = factories.make_user("asker")
    more = LimitRaise.objects.create(**period, amount=Decimal(1), reason="launch", asked_by=asker)
    notice = BudgetNotice.objects.create(
        **period,
        event_id=uuid.uuid4(),
        kind="raise_asked",
        limit_raise=more,
        created_at=window.starts_at,
    )
    delivery = NoticeDelivery.objects.create(
        notice=notice, channel="email", address="a@example.org", next_try_at=window.starts_at
    )
    webhook = Webhook.objects.create(url="https://hooks.example/b", secret_encrypted="x")
    return [more, notice, delivery, webhook]

"""One row of every model in the admin, so that tests can open every page there is."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.utils import timezone

from catalog.models import PriceProposal, Route, RouteTarget
from metering.models import DailySpend, Hold, Limit, LimitWindow, WorkerLease
from metering.usage import Usage
from proxy.models import Breaker, BreakerEvent, CredentialState, HealthCheck
from tests import factories


def one_of_each(*leads: User) -> dict[type[Model], Any]:
    """Rows of the team ``search``, led by ``leads``."""
    team = factories.make_team("search", leads=tuple(leads))
    key = factories.make_key("ci", team=team)
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
        DailySpend.objects.get(),
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
    ]
    return {type(row): row for row in rows}

"""Limits on calls in flight in the admin: they do not read as money, and nonsense is refused in words."""

from decimal import Decimal

import pytest
from django.test import Client

from metering.models import Limit, LimitWindow
from metering.windows import BEGINNING, END
from tests import factories
from tests.metering.test_admin import root

__all__ = ["root"]  # a fixture

pytestmark = pytest.mark.django_db


def form(**fields: object) -> dict[str, object]:
    team = factories.make_team("search")
    return {
        "team": team.pk,
        "unit": "concurrency",
        "amount": "8",
        "period": "total",
        "mode": "hard",
        "enabled": "on",
        **fields,
    }


def test_it_is_added(root: Client) -> None:
    assert root.post("/admin/metering/limit/add/", form(queue_seconds="2.5")).status_code == 302

    limit = Limit.objects.get()
    assert (str(limit), limit.queue_seconds) == ("search: 8 calls in flight", 2.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"period": "minute"}, "Calls in flight have no period: choose total."),
        ({"mode": "soft"}, "A limit on calls in flight is hard."),
        ({"amount": "1.5"}, "This unit is counted in whole numbers."),
        ({"queue_seconds": "31"}, "Ensure this value is less than or equal to 30.0."),
        ({"unit": "usd", "queue_seconds": "1"}, "Nobody waits for a budget: leave this 0."),
    ],
)
def test_nonsense_is_refused_in_words(root: Client, fields: dict[str, object], message: str) -> None:
    refused = root.post("/admin/metering/limit/add/", form(**fields))

    assert message in refused.content.decode()
    assert not Limit.objects.exists()


def test_what_is_shown_is_how_many_of_how_many_are_in_flight(root: Client) -> None:
    team = factories.make_team("search")
    limit = Limit.objects.create(team=team, unit="concurrency", period="total", amount=Decimal(8))
    LimitWindow.objects.create(limit=limit, starts_at=BEGINNING, ends_at=END, held=Decimal(2))

    limits = root.get("/admin/metering/limit/").content.decode()
    windows = root.get("/admin/metering/limitwindow/").content.decode()

    assert 'title="2 of 8 in flight"' in limits
    assert '<td class="field-shown_amount">8 in flight</td>' in limits
    assert 'title="2 of 8 in flight"' in windows
    assert '<td class="field-spent_shown">-</td>' in windows
    assert '<td class="field-left">6 in flight</td>' in windows

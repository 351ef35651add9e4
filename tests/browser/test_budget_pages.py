"""The budgets' pages in a browser: on a phone, in the dark, with a raise on its way."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from catalog.models import Team
from metering.models import BudgetNotice, Limit, LimitRaise, LimitWindow
from tests.browser.conftest import Site, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def budget(site: Site, django_db_blocker: Any) -> str:
    """The address of one that is overrun, raised, noticed, and asked for once more."""
    with django_db_blocker.unblock():
        return f"{site.url}/spend/budgets/{_made().pk}/"


def _made() -> Limit:
    first = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    team = Team.objects.get(name="a-team-with-quite-a-long-name-for-a-phone")
    limit = Limit.objects.create(team=team, amount=Decimal(10), tag_name="feature", tag_value="search")
    period = {"limit": limit, "starts_at": first, "ends_at": following}
    LimitWindow.objects.create(
        **period, spent=Decimal("12.2839"), held=Decimal("0.0003"), raised=Decimal("1.5")
    )
    LimitWindow.objects.create(
        limit=limit, starts_at=first - dt.timedelta(days=30), ends_at=first, spent=Decimal("9.5")
    )
    BudgetNotice.objects.create(
        **period,
        event_id="0d5ff7a0-93b4-4f43-8c7b-0f2f1d1a4a10",
        threshold=80,
        used=Decimal("8.1"),
        ceiling=Decimal(10),
        created_at=timezone.now(),
    )
    LimitRaise.objects.create(
        **period,
        amount=Decimal(5),
        reason="The launch of the new search, which has to index everything once",
        asked_by=User.objects.get(username="lea"),
    )
    return limit


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "dark")])
def test_they_fit_and_nothing_goes_wrong(
    visit: Open, site: Site, budget: str, width: int, scheme: str
) -> None:
    seen = visit(width=width, scheme=scheme)
    for url in (budget, f"{site.url}/spend/budgets/"):
        seen.open(url)
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    assert seen.troubles == []


def test_a_raise_is_approved_with_a_note(visit: Open, site: Site, budget: str) -> None:
    seen = visit()
    seen.open(budget)
    seen.page.fill(".decide [name=note]", "until the launch")
    seen.page.click(".decide button[value=approve]")
    seen.page.wait_for_url("**#raises")
    assert "until the launch" in seen.page.text_content("#raises table")
    assert "Raised by$5" in seen.page.text_content(".facts")
    assert seen.troubles == []

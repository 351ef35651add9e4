"""The pages of budgets: what is left, asking for more, deciding, and what a period's total was."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from metering.models import BudgetNotice, Limit, LimitRaise, LimitWindow, NoticeDelivery
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import first_row_of, page, row_of, text_of


@pytest.fixture
def limit(month: Month) -> Limit:
    """10 USD for the month of this moment, 7 of them spent; last month it was 9."""
    made = Limit.objects.create(team=month.search.team, amount=Decimal(10), period="month")
    first = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = (first - dt.timedelta(days=1)).replace(day=1)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    LimitWindow.objects.create(limit=made, starts_at=first, ends_at=following, spent=Decimal(7))
    LimitWindow.objects.create(limit=made, starts_at=before, ends_at=first, spent=Decimal(9))
    return made


@pytest.fixture
def approver(month: Month) -> Client:
    """Sees everything and decides."""
    person = factories.make_user("bob", role="Finance")
    person.user_permissions.add(Permission.objects.get(codename="approve_limitraise"))
    client = Client()
    client.force_login(person)
    return client


def url(limit: Limit) -> str:
    return f"/spend/budgets/{limit.pk}/"


def ask(client: Client, limit: Limit, **form: str) -> Any:
    return client.post(f"{url(limit)}raises/", {"amount": "2.50", "reason": "launch"} | form)


def decide(client: Client, **form: str) -> Any:
    return client.post(f"/spend/raises/{LimitRaise.objects.get().pk}/", form)


def test_all_budgets_that_may_be_seen(finance: Client, team_lead: Client, month: Month, limit: Limit) -> None:
    Limit.objects.create(team=month.ads.team, amount=Decimal(3))

    assert row_of(page(finance, "/spend/budgets/"), "ads")[:4] == [
        "ads", "whole team, a month", "no call yet", "$3.00"
    ]  # fmt: skip
    assert "ads" not in text_of(page(team_lead, "/spend/budgets/")).split()


def test_a_budget_says_what_is_left_and_what_was_before(team_lead: Client, limit: Limit) -> None:
    html = page(team_lead, url(limit))

    assert "70 % used" in text_of(html)
    for fact, figure in {"Amount": "$10.00", "Raised by": "$0.00", "Spent": "$7.00", "Left": "$3.00"}.items():
        assert f"<dt>{fact}</dt><dd>{figure}</dd>" in html
    past = LimitWindow.objects.order_by("starts_at")[0]
    assert row_of(html, f"{timezone.localtime(past.starts_at):%Y-%m-%d %H:%M} UTC") == [
        f"{timezone.localtime(past.starts_at):%Y-%m-%d %H:%M} UTC", "$9.00", "$0.00", "$0.00"
    ]  # fmt: skip


def test_an_overrun_is_said(finance: Client, limit: Limit) -> None:
    LimitWindow.objects.filter(spent=7).update(spent=Decimal("10.25"))

    assert "over by $0.25" in text_of(page(finance, url(limit)))


def test_a_lead_asks_and_another_person_approves(team_lead: Client, approver: Client, limit: Limit) -> None:
    assert ask(team_lead, limit).url == f"{url(limit)}#raises"
    waiting = first_row_of(page(approver, "/spend/budgets/"), "search")
    assert decide(approver, decision="approve", note="until the launch").url == f"{url(limit)}#raises"

    assert waiting[2:5] == ["+$2.50", "launch", "lea"]
    html = page(team_lead, url(limit))
    assert "<dt>Raised by</dt><dd>$2.50</dd>" in html
    assert "<dt>Left</dt><dd>$5.50</dd>" in html
    assert "until the launch" in text_of(html)
    assert "Asked for, not decided" not in page(approver, "/spend/budgets/")


def test_only_who_may_decide_is_offered_to(team_lead: Client, approver: Client, limit: Limit) -> None:
    ask(team_lead, limit)

    assert (
        'value="approve"' in page(team_lead, url(limit)),
        'value="withdraw"' in page(team_lead, url(limit)),
    ) == (
        False,
        True,
    )
    assert (
        'value="approve"' in page(approver, url(limit)),
        'value="withdraw"' in page(approver, url(limit)),
    ) == (
        True,
        False,
    )


def test_a_lead_who_decides_is_refused_in_words(team_lead: Client, limit: Limit) -> None:
    ask(team_lead, limit)

    refused = decide(team_lead, decision="approve")

    assert (refused.status_code, LimitRaise.objects.get().state) == (409, "open")
    assert "Another role decides about raises." in refused.content.decode()


def test_who_asked_needs_another_person(month: Month, limit: Limit, settings: Any) -> None:
    settings.SELF_APPROVAL = False
    both = Client()
    both.force_login(factories.make_user("root", is_superuser=True))
    ask(both, limit)

    refused = decide(both, decision="approve")

    assert (refused.status_code, LimitRaise.objects.get().state) == (409, "open")
    assert "another person has to decide" in refused.content.decode()


def test_who_leads_another_team_sees_nothing_and_asks_for_nothing(month: Month, limit: Limit) -> None:
    stranger = factories.make_user("ann")
    month.ads.team.leads.add(stranger)
    client = Client()
    client.force_login(stranger)

    assert client.get(url(limit)).status_code == 404
    assert ask(client, limit).status_code == 404
    factories.make_team("search").leads.add(stranger)
    ask(client, limit)
    factories.make_team("search").leads.clear()
    assert decide(client, decision="withdraw").status_code == 404


def test_finance_looks_and_asks_for_nothing(finance: Client, limit: Limit) -> None:
    assert "Ask for more" not in page(finance, url(limit))
    assert ask(finance, limit).status_code == 409
    assert not LimitRaise.objects.exists()


@pytest.mark.parametrize(
    "form", [{"amount": "0"}, {"amount": "a lot"}, {"amount": "0.001"}, {"reason": ""}], ids=str
)
def test_what_is_no_request_is_said_beside_the_form(
    team_lead: Client, limit: Limit, form: dict[str, str]
) -> None:
    answer = ask(team_lead, limit, **form)

    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert not LimitRaise.objects.exists()


def test_what_changes_something_is_posted(finance: Client, limit: Limit) -> None:
    assert finance.get(f"{url(limit)}raises/").status_code == 405
    assert finance.get("/spend/raises/1/").status_code == 405


def test_only_budgets_have_pages(finance: Client, month: Month) -> None:
    rate = Limit.objects.create(team=month.search.team, amount=Decimal(10), unit="requests", period="day")

    assert finance.get(url(rate)).status_code == 404
    assert finance.get(f"/spend/budgets/{10**30}/").status_code == 404


def test_notices_say_to_how_many_they_were_told(finance: Client, limit: Limit) -> None:
    at = timezone.now()
    notice = BudgetNotice.objects.create(
        event_id="0d5ff7a0-93b4-4f43-8c7b-0f2f1d1a4a10", limit=limit, starts_at=at, ends_at=at, threshold=50,
        used=Decimal(5), ceiling=Decimal(10), created_at=at,
    )  # fmt: skip
    for address, state in (("a@example.org", "delivered"), ("b@example.org", "waiting")):
        NoticeDelivery.objects.create(
            notice=notice, channel="email", address=address, state=state, next_try_at=at,
            delivered_at=at if state == "delivered" else None,
        )  # fmt: skip

    html = page(finance, url(limit))

    assert row_of(html, f"{timezone.localtime(at):%Y-%m-%d %H:%M} UTC")[1:] == [
        "50 %",
        "$5.00",
        "$10.00",
        "1 of 2",
    ]


def test_a_notice_that_has_no_address_was_told_to_nobody(finance: Client, limit: Limit) -> None:
    at = timezone.now()
    BudgetNotice.objects.create(
        event_id="0d5ff7a0-93b4-4f43-8c7b-0f2f1d1a4a11", limit=limit, starts_at=at, ends_at=at, threshold=50,
        used=Decimal(5), ceiling=Decimal(10), created_at=at,
    )  # fmt: skip

    shown = row_of(page(finance, url(limit)), f"{timezone.localtime(at):%Y-%m-%d %H:%M} UTC")

    assert shown[-1] == "nobody"


def test_the_questions_to_the_database_do_not_grow(
    finance: Client, team_lead: Client, limit: Limit, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        ask(team_lead, limit, reason=f"launch {number}")
        Limit.objects.create(
            team=limit.team, amount=Decimal(number), period="day", tag_name="n", tag_value=number
        )

    with django_assert_num_queries(7):
        page(finance, "/spend/budgets/")
    with django_assert_num_queries(9):
        page(finance, url(limit))


URLS = ("/spend/budgets/", "/spend/budgets/1/", "/spend/budgets/1/raises/", "/spend/raises/1/")


@pytest.mark.parametrize("path", URLS)
def test_people_without_a_role_and_without_a_name_get_nowhere(
    month: Month, client: Client, path: str
) -> None:
    anonymous = client.get(path)
    client.force_login(factories.make_user("new", is_staff=False))

    assert (anonymous.status_code, anonymous["Location"]) == (302, f"/login/?next={path}")
    assert client.get(path).status_code == 403

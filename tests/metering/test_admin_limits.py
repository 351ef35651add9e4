"""Limits on calls in flight in the admin: they do not read as money, and nonsense is refused in words."""

from decimal import Decimal

import pytest
from django.test import Client

from catalog import vault
from metering.models import Limit, LimitWindow, Webhook
from metering.windows import BEGINNING, END
from tests import factories
from tests.metering.constraint_cases.corrections import asked
from tests.metering.constraint_cases.notices import delivery
from tests.metering.house import build
from tests.metering.test_admin import limits_form, root

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


def test_a_budget_on_a_tag_is_added_and_keeps_it(root: Client) -> None:
    tagged = {"unit": "usd", "period": "month", "tag_name": "feature", "tag_value": "search"}
    assert root.post("/admin/metering/limit/add/", form(**tagged)).status_code == 302
    limit = Limit.objects.get()
    assert (limit.scope, limit.notify_at) == ("tag feature=search", [50, 80, 100])

    forged = form(**tagged, **{"amount": "9"}) | {"tag_value": "chat"}
    root.post(f"/admin/metering/limit/{limit.pk}/change/", forged)

    limit.refresh_from_db()
    assert (limit.amount, limit.tag_value) == (9, "search")


def test_half_a_tag_is_refused_in_words(root: Client) -> None:
    refused = root.post("/admin/metering/limit/add/", form(unit="usd", period="month", tag_name="feature"))

    assert "A tag has a name and a value." in refused.content.decode()


def test_thresholds_are_kept_in_order_each_once(root: Client) -> None:
    fields = {"unit": "usd", "period": "month", "notify_at": "90, 75,90", "notify_emails": "a@example.org"}
    root.post("/admin/metering/limit/add/", form(**fields))

    limit = Limit.objects.get()
    assert (limit.notify_at, limit.notify_emails) == ([75, 90], ["a@example.org"])


def test_an_overrun_and_a_raise_are_shown(root: Client) -> None:
    limit = Limit.objects.create(team=factories.make_team("search"), amount=Decimal(8), period="total")
    LimitWindow.objects.create(
        limit=limit, starts_at=BEGINNING, ends_at=END, spent=Decimal(11), raised=Decimal(2)
    )

    for page in ("limit", "limitwindow"):
        html = root.get(f"/admin/metering/{page}/").content.decode()
        assert 'title="$11 of $10"' in html
        assert "110 %, over by $1" in html
    assert '<td class="field-left">-$1</td>' in html
    assert '<td class="field-raised_shown">$2</td>' in html


def test_a_teams_page_has_what_its_callers_are_told(root: Client) -> None:
    team = factories.make_team("search")
    settings = {
        "budget_settings-TOTAL_FORMS": 1,
        "budget_settings-0-team": team.pk,
        "budget_settings-0-contact": "#finops",
        "budget_settings-0-hide_amounts": "on",
    }
    answer = root.post(f"/admin/catalog/team/{team.pk}/change/", limits_form(**settings))

    assert answer.status_code == 302
    assert (team.budget_settings.contact, team.budget_settings.hide_amounts) == ("#finops", True)


def test_a_webhooks_secret_is_shown_once(root: Client) -> None:
    issued = root.post("/admin/metering/webhook/add/", {"url": "https://hooks.example/b", "enabled": "on"})

    webhook = Webhook.objects.get()
    secret = vault.decrypt(webhook.secret_encrypted)
    assert secret.startswith("whsec_")
    assert secret in issued.content.decode()
    assert "no-store" in issued["Cache-Control"]
    assert secret not in root.get(f"/admin/metering/webhook/{webhook.pk}/change/").content.decode()


@pytest.mark.parametrize("url", ["ftp://hooks.example/b", "hooks.example", "https://"])
def test_a_webhook_has_a_web_address(root: Client, url: str) -> None:
    root.post("/admin/metering/webhook/add/", {"url": url, "enabled": "on"})

    assert not Webhook.objects.exists()


def test_a_delivery_that_was_given_up_is_sent_again(root: Client) -> None:
    given_up = delivery(build(), state="given_up", tries=32, last_answer="HTTP 500")

    chosen = {"action": "send_again", "_selected_action": [given_up.pk]}
    root.post("/admin/metering/noticedelivery/", chosen)

    given_up.refresh_from_db()
    assert (given_up.state, given_up.tries) == ("waiting", 0)
    assert "HTTP 500" in root.get("/admin/metering/noticedelivery/").content.decode()
    assert root.get(f"/admin/metering/budgetnotice/{given_up.notice_id}/change/").status_code == 200


def test_raises_are_listed_and_decided_elsewhere(root: Client) -> None:
    more = asked(build())

    html = root.get("/admin/metering/limitraise/").content.decode()

    assert "+$1" in html
    assert f'<a href="/spend/budgets/{more.limit_id}/#raises">Decide</a>' in html
    assert root.get("/admin/metering/limitraise/add/").status_code == 403

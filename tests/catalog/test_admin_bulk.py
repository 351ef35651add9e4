"""Actions on many rows: what they would do is said first, and nothing is done before the second click."""

import datetime as dt
import html
from decimal import Decimal
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from catalog.audit import reading
from catalog.models import Price, PriceProposal, Route, RouteTarget
from metering.models import Limit, Webhook
from metering.usage import Usage
from tests import factories
from tests.catalog import builders as b


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


def page_of(model: type[Model]) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def asked(client: Client, action: str, *rows: Any, **more: str) -> str:
    """The page that the first click answers with, as text."""
    form = {"action": action, "_selected_action": [row.pk for row in rows]} | more
    answer = client.post(page_of(type(rows[0])), form)
    return " ".join(html.unescape(answer.content.decode()).split())


def confirm(client: Client, action: str, *rows: Any, reason: str = "") -> int:
    form = {"action": action, "_selected_action": [row.pk for row in rows]}
    answer = client.post(page_of(type(rows[0])), form | {"confirmed": "yes", "reason": reason})
    for row in rows:
        row.refresh_from_db()
    return answer.status_code


class TestKeys:
    def test_are_revoked_after_it_was_said_how_much_they_are_used(self, root: Client) -> None:
        used, unused = factories.make_key("ci"), factories.make_key("old")
        model = factories.make_model()
        for _ in range(2):
            factories.make_entry(key=used, model=model, usage=Usage(input=1), started_at=timezone.now())

        said = asked(root, "revoke", used, unused)

        assert "Revoke 2 API keys? Nobody can undo it." in said
        assert "2 calls in the last 7 days in all." in said
        today = timezone.localdate()
        assert f"<div>Last used on {today}.</div><div>2 calls in the last 7 days.</div>" in said
        assert "<div>Never used.</div><div>0 calls in the last 7 days.</div>" in said
        used.refresh_from_db()
        assert used.revoked_at is None

        assert confirm(root, "revoke", used, unused, reason="leaked") == 302
        assert (used.revoked_at is None, unused.revoked_at is None) == (False, False)

    def test_a_reason_with_what_no_text_has_is_kept_without_it(self, root: Client) -> None:
        key = factories.make_key("ci")

        assert confirm(root, "revoke", key, reason="\0leaked\0") == 302
        assert key.events.get().reason == "leaked"

    def test_revoked_ones_are_not_revoked_again(self, root: Client) -> None:
        key = factories.make_key("ci", revoked_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

        assert confirm(root, "revoke", key) == 302
        assert key.revoked_at == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class TestProvidersAndModels:
    def test_routes_left_without_a_target_and_the_teams_concerned_are_named(self, root: Client) -> None:
        first, second = factories.make_model("one"), factories.make_model("two")
        elsewhere = factories.make_model("three", provider=factories.make_provider("gemini", kind="gemini"))
        for name, models in (("warm", (first, second)), ("cold", (first, elsewhere))):
            route = Route.objects.create(name=name)
            for position, model in enumerate(models):
                RouteTarget.objects.create(route=route, model=model, position=position)
        factories.make_entry(
            key=factories.make_key(team=factories.make_team("ads")), model=first, usage=Usage(input=1),
            started_at=timezone.now(),
        )  # fmt: skip

        said = asked(root, "disable", first.provider)

        assert "Left without a target: warm. Calls to them fail." in said
        assert "2 models can no longer be called here." in said
        assert "Teams concerned, by their calls of the last 7 days: ads (1 call)." in said
        assert "Left without a target" not in asked(root, "disable", first)
        assert "Target of cold, warm." in asked(root, "disable", first)

    def test_are_disabled_with_the_reason_in_the_audit_trail(self, root: Client) -> None:
        model = factories.make_model()

        assert confirm(root, "disable", model, reason="retired by the vendor") == 302

        newest = reading.of(model)[0]
        assert not model.enabled
        assert (newest.why, newest.changes) == (
            "retired by the vendor",
            [reading.Changed("enabled", "yes", "no")],
        )
        assert confirm(root, "enable", model) == 302
        assert model.enabled

    def test_a_model_without_a_price_is_said_to_be_so(self, root: Client) -> None:
        model = factories.make_model(enabled=False)

        assert "No price in force: calls are booked as of unknown cost." in asked(root, "enable", model)

    def test_only_those_who_may_change_them(self, db: None, client: Client) -> None:
        model = factories.make_model()
        client.force_login(factories.make_user("fin", role="Finance"))

        confirm(client, "disable", model)

        assert model.enabled


class TestReasons:
    def test_are_asked_for_where_an_installation_wants_them(self, root: Client, settings: Any) -> None:
        settings.REASONS_REQUIRED = True
        model = factories.make_model()

        assert "Say why" in asked(root, "disable", model, confirmed="yes")
        model.refresh_from_db()
        assert model.enabled
        assert confirm(root, "disable", model, reason="retired") == 302
        assert not model.enabled


class TestLimitsAndWebhooks:
    def test_a_hard_limit_that_is_disabled_refuses_nothing_any_more(self, root: Client) -> None:
        limit = Limit.objects.create(
            team=factories.make_team(), unit="usd", amount=Decimal(5), period="month"
        )

        said = asked(root, "disable", limit)

        assert "Calls beyond it are no longer refused." in said
        assert "Teams: search." in said
        assert confirm(root, "disable", limit) == 302
        assert not limit.enabled

    def test_a_webhook_is_switched_off_and_on(self, root: Client) -> None:
        webhook = Webhook.objects.create(url="https://hooks.example/b", secret_encrypted="x")

        assert "Is sent nothing more of any team" in asked(root, "disable", webhook)
        confirm(root, "disable", webhook)
        assert not webhook.enabled
        confirm(root, "enable", webhook)
        assert webhook.enabled


class TestDrafts:
    def test_the_sum_of_their_impact_on_the_month_is_said_first(self, root: Client) -> None:
        """Two drafts, of +$1 and +$2 per million input tokens; a million of each was used this month."""
        drafts = []
        for name, rate in (("one", "2"), ("two", "3")):
            model = factories.make_model(name)
            price = factories.make_price(model, input="1", output="1")
            factories.make_entry(
                key=factories.make_key(name), model=model, price=price, usage=Usage(input=1_000_000),
                started_at=timezone.now(),
            )  # fmt: skip
            drafts.append(b.proposal(model=model, rates={"input": rate, "output": "1"}))

        said = asked(root, "accept", *drafts)

        assert "<div>+$1 over 1 call</div>" in said
        assert "<div>+$2 over 1 call</div>" in said
        assert f"Accepted, they change {timezone.localdate():%B %Y} by +$3, had they held since" in said
        assert Price.objects.count() == 2
        assert "Not accepted, they would have changed" in asked(root, "dismiss", *drafts)

        assert confirm(root, "accept", *drafts, reason="the letter of today") == 302
        assert set(PriceProposal.objects.values_list("state", flat=True)) == {"accepted"}
        assert Price.objects.count() == 4
        assert LogEntry.objects.filter(additional_data__why="the letter of today").count() >= 4

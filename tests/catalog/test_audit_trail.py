"""The audit trail: who changed what, from what to what, why; no secret in it; and nobody changes it."""

import datetime as dt
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from catalog import keys, pricebook, pricesync, seeding
from catalog.audit import reading, tracking
from catalog.models import ApiKey, Credential, LanguageModel, Provider, Route, Team
from metering.models import Limit, ReportCredential, Webhook
from tests import factories
from tests.catalog.test_admin import PROVIDER

LIST = "/admin/auditlog/logentry/"
AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
SECRET = "sk-live-canary-4711"


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


def trail(row: Any) -> list[reading.Row]:
    return reading.of(row)


def team_form(**fields: str) -> dict[str, Any]:
    form: dict[str, Any] = {"name": "search", "title": "", "cost_center": "", "enabled": "on", "models": "*"}
    for prefix in ("limits", "limits-2", "budget_settings"):
        form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    return form | fields


class TestWhatIsKept:
    def test_a_change_says_who_when_what_it_was_and_became_and_why(self, root: Client) -> None:
        team = factories.make_team("search", cost_center="CC-1")
        form = team_form(cost_center="CC-2", change_reason="moved to marketing")

        assert root.post(f"/admin/catalog/team/{team.pk}/change/", form).status_code == 302

        newest = trail(team)[0]
        assert (newest.by, newest.did, newest.why) == ("root", "changed", "moved to marketing")
        assert newest.changes == [reading.Changed("cost center", "CC-1", "CC-2")]

    def test_what_is_saved_unchanged_is_no_change(self, root: Client) -> None:
        team = factories.make_team()
        limit = Limit.objects.create(team=team, unit="usd", amount=Decimal(5), period="month")
        limit.refresh_from_db()
        limit.amount = Decimal("5.0")
        limit.save()

        assert [row.did for row in trail(limit)] == ["made"]

    def test_people_who_come_and_go_in_a_team_and_in_a_role(self, db: None) -> None:
        ada, team = factories.make_user("ada"), factories.make_team()
        team.leads.add(ada)
        ada.groups.add(Group.objects.get(name="Finance"))

        assert trail(team)[0].changes == [reading.Changed("leads", reading.NOTHING, "ada")]
        assert trail(ada)[0].changes == [reading.Changed("groups", reading.NOTHING, "Finance")]

    def test_rows_are_called_by_name_not_by_number(self, db: None) -> None:
        target = Route.objects.create(name="warm").targets.create(model=factories.make_model())

        assert reading.Changed("model", reading.NOTHING, "openai/gpt-4o") in trail(target)[0].changes

    def test_a_deleted_row_stays_in_it(self, db: None) -> None:
        route = Route.objects.create(name="warm")
        number = route.pk
        route.delete()

        assert [entry.action for entry in LogEntry.objects.filter(object_pk=str(number))] == [
            LogEntry.Action.DELETE,
            LogEntry.Action.CREATE,
        ]

    def test_a_change_that_is_taken_back_leaves_nothing(self, db: None) -> None:
        with transaction.atomic():
            factories.make_team("search")
            transaction.set_rollback(True)

        assert not LogEntry.objects.exists()

    def test_a_login_is_no_change(self, client: Client, db: None) -> None:
        ada = factories.make_user("ada")
        client.force_login(ada)

        assert [row.did for row in trail(ada)] == ["made"]

    def test_a_forged_address_neither_breaks_a_change_nor_is_believed(self, root: Client) -> None:
        team = factories.make_team("search")
        page = f"/admin/catalog/team/{team.pk}/change/"

        answer = root.post(page, team_form(title="Search"), headers={"x-forwarded-for": "nonsense"})

        assert answer.status_code == 302
        assert LogEntry.objects.latest("pk").remote_addr is None


class TestCommands:
    def test_are_named_with_the_user_of_the_machine(
        self, db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "house.toml"
        file.write_text('[[teams]]\nname = "search"\ncost_center = "CC-1"\n')
        monkeypatch.setattr(sys, "argv", ["/srv/tallygate/manage.py", "apply", str(file)])

        call_command("apply", str(file))

        assert re.fullmatch(r"manage\.py apply \([a-z0-9_. -]+\)", trail(Team.objects.get())[0].by)

    def test_a_dry_run_leaves_nothing(self, db: None, tmp_path: Path) -> None:
        file = tmp_path / "house.toml"
        file.write_text('[[teams]]\nname = "search"\n')

        call_command("apply", str(file), "--dry-run")

        assert not LogEntry.objects.exists()

    def test_targets_that_a_file_replaces_are_each_in_it(self, db: None, tmp_path: Path) -> None:
        factories.make_model()
        file = tmp_path / "house.toml"
        file.write_text('[[routes]]\nname = "warm"\ntargets = ["openai/gpt-4o"]\n')

        call_command("apply", str(file))

        assert [row.did for row in trail(Route.objects.get().targets.get())] == ["made"]

    def test_a_seeding_of_thousands_of_rows_is_three_entries(self, db: None) -> None:
        report = seeding.seed(at=AT)

        said = {entry.object_repr: reading.changes(entry)[0].new for entry in LogEntry.objects.all()}
        source = pricebook.read().source
        assert said[f"{report.models:,} models"] == said[f"{report.prices:,} prices"] == f"from {source}"
        assert "anthropic" in said[f"{report.providers} providers of {source}"]
        assert len(said) == 3

    def test_a_sync_that_adds_prices_says_so(self, db: None) -> None:
        factories.make_provider("openai")
        pricesync.sync(book=pricebook.read(), accept_new=True, at=AT)

        model = LanguageModel.objects.get(provider__name="openai", name="gpt-4o")
        assert reading.Changed("enabled", "no", "yes") in trail(model)[0].changes
        assert LogEntry.objects.filter(object_repr__endswith=" of openai/gpt-4o").exists()


class TestReasons:
    def test_are_asked_for_where_an_installation_wants_them(self, root: Client, settings: Any) -> None:
        settings.REASONS_REQUIRED = True
        team = factories.make_team("search")
        page = f"/admin/catalog/team/{team.pk}/change/"

        assert root.post(page, team_form(title="Search")).status_code == 200
        assert root.post(page, team_form(title="Search", change_reason="as agreed")).status_code == 302
        team.refresh_from_db()
        assert (team.title, trail(team)[0].why) == ("Search", "as agreed")

    def test_belong_to_one_request(self, root: Client) -> None:
        team = factories.make_team("search")
        page = f"/admin/catalog/team/{team.pk}/change/"
        root.post(page, team_form(title="One", change_reason="first"))
        root.post(page, team_form(title="Two"))

        assert [row.why for row in trail(team)[:2]] == ["", "first"]

    @pytest.mark.parametrize("model", [Team, ApiKey, Provider, LanguageModel, Route, Limit, Webhook, User])
    def test_what_matters_has_a_field_for_it(self, root: Client, model: Any) -> None:
        from tests.catalog.admin_objects import one_of_each

        row = one_of_each()[model]
        page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])

        assert 'name="change_reason"' in root.get(page).content.decode()

    def test_who_only_looks_is_not_asked(self, db: None, client: Client) -> None:
        team = factories.make_team()
        client.force_login(factories.make_user("aud", role="Auditor"))

        assert "change_reason" not in client.get(f"/admin/catalog/team/{team.pk}/change/").content.decode()


class TestSecrets:
    def test_none_is_in_it(self, root: Client) -> None:
        """Every secret that there is, made and changed; then the whole table is searched as text."""
        form = PROVIDER | {"base_url": "https://openai.example/v1", "new_credential": SECRET}
        root.post("/admin/catalog/provider/add/", form)
        provider = Provider.objects.get()
        provider.set_credential(f"{SECRET}-2")
        provider.save()
        for row in (Credential(provider=provider, name="second"), ReportCredential(provider=provider)):
            row.set_credential(f"{SECRET}-3")
            row.save()
        webhook = Webhook(url="https://hooks.example/services/canary-path")
        webhook.set_secret(f"{SECRET}-4")
        webhook.save()
        webhook.url = "https://hooks.example/services/canary-other"
        webhook.save()
        ada = User.objects.create_user("ada", password=SECRET)
        ada.set_password(f"{SECRET}-5")
        ada.save()
        key, secret = keys.issue(team=factories.make_team(), name="ci")
        rotated = keys.rotate(key=key, at=AT)
        key.refresh_from_db()

        kept = whole_trail()
        hidden = [SECRET, "canary", secret[-40:], rotated[-40:], key.digest, ada.password]
        hidden += [row.api_key_encrypted for row in (Provider.objects.get(), Credential.objects.get())]
        hidden += [ReportCredential.objects.get().api_key_encrypted, webhook.secret_encrypted]
        assert [one for one in hidden if one in kept] == []
        assert "hooks.example" in kept

    def test_that_one_was_changed_is(self, db: None) -> None:
        provider = factories.make_provider()
        provider.set_credential("sk-one")
        provider.save()
        provider.set_credential("sk-two")
        provider.save()

        assert trail(provider)[0].changes == [
            reading.Changed("encrypted credential", tracking.HIDDEN, tracking.HIDDEN)
        ]
        assert trail(provider)[1].changes == [
            reading.Changed("encrypted credential", reading.NOTHING, tracking.HIDDEN)
        ]


def whole_trail() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(row_to_json(e)::text, ' ') FROM auditlog_logentry e")
        [text] = cursor.fetchone() or ("",)
    return str(text)


class TestNobodyChangesIt:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE auditlog_logentry SET object_repr = 'somebody else'",
            "UPDATE auditlog_logentry SET actor_id = NULL, object_repr = 'x'",
            "DELETE FROM auditlog_logentry",
            "TRUNCATE auditlog_logentry",
        ],
    )
    def test_not_with_sql(self, db: None, statement: str) -> None:
        factories.make_team()
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")

        with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
            connection.cursor().execute(statement)

    def test_a_person_who_is_deleted_stays_in_it_by_name(self, root: Client) -> None:
        team = factories.make_team("search")
        root.post(f"/admin/catalog/team/{team.pk}/change/", team_form(title="Search"))
        admin.models.LogEntry.objects.all().delete()
        User.objects.filter(username="root").delete()

        assert trail(team)[0].by == "root"
        assert LogEntry.objects.get_for_object(team).latest("pk").actor is None


class TestPage:
    def test_is_searched_by_object_and_by_person(self, root: Client) -> None:
        for name in ("search", "ads"):
            team = factories.make_team(name)
            root.post(f"/admin/catalog/team/{team.pk}/change/", team_form(name=name, title=name.title()))

        by_object = root.get(LIST, {"q": "ads"}).content.decode()
        by_person = root.get(LIST, {"q": "root"}).content.decode()

        assert "title (none) → Ads" in by_object
        assert "title (none) → Search" not in by_object
        assert "title (none) → Search" in by_person
        assert "title (none) → Search" not in root.get(LIST, {"q": "bob"}).content.decode()

    def test_is_narrowed_to_a_day_and_to_a_kind(self, root: Client) -> None:
        factories.make_team("search")
        now = LogEntry.objects.latest("pk").timestamp
        day = {"timestamp__year": now.year, "timestamp__month": now.month, "timestamp__day": now.day}

        assert ">search</a>" in root.get(LIST, day).content.decode()
        assert ">search</a>" not in root.get(LIST, day | {"timestamp__year": 2020}).content.decode()
        kind = LogEntry.objects.get(object_repr="search").content_type_id
        assert ">search</a>" in root.get(LIST, {"kind": kind}).content.decode()
        assert ">search</a>" not in root.get(LIST, {"kind": kind + 1}).content.decode()

    def test_is_exported_as_it_is_shown(self, root: Client) -> None:
        team = factories.make_team("search", cost_center="CC-1")
        form = team_form(cost_center="=CC-2", change_reason="moved")
        root.post(f"/admin/catalog/team/{team.pk}/change/", form)

        answer = root.post(f"{LIST}export/?q=moved", {"format": "0", "resource": ""} | FIELDS)

        text = b"".join(answer).decode() if answer.streaming else answer.content.decode()
        lines = text.splitlines()
        assert lines[0] == "at,by,did,kind,id,object,changes,why"
        assert lines[1].endswith(f",root,changed,team,{team.pk},search,cost center CC-1 → =CC-2,moved")
        assert len(lines) == 2

    def test_an_objects_own_history_shows_it(self, root: Client) -> None:
        team = factories.make_team("search")
        root.post(f"/admin/catalog/team/{team.pk}/change/", team_form(title="S", change_reason="because"))

        html = root.get(f"/admin/catalog/team/{team.pk}/history/").content.decode()

        assert "<div>title (none) &rarr; S</div>" in html
        assert "<td>because</td>" in html

    @pytest.mark.parametrize(
        ("role", "is_shown"),
        [
            *(("Auditor", True), ("Platform admin", True)),
            *(("Finance", False), ("Catalog admin", False), ("Team lead", False)),
        ],
    )
    def test_an_objects_own_history_shows_it_to_those_who_see_the_trail_or_change_such_rows(
        self, root: Client, client: Client, role: str, is_shown: bool
    ) -> None:
        person = factories.make_user("somebody", role=role)
        team = factories.make_team("search", cost_center="CC-1")
        page = f"/admin/catalog/team/{team.pk}/"
        root.post(f"{page}change/", team_form(cost_center="CC-2", change_reason="the merger, still secret"))
        team.leads.add(person)
        client.force_login(person)

        html = client.get(f"{page}history/").content.decode()

        told = [part in html for part in ("CC-1 &rarr; CC-2", "the merger", "Audit trail")]
        assert told == [is_shown] * 3
        assert "Changed Cost center" in html  # as Django tells everybody

    def test_who_keeps_such_rows_sees_the_history_of_each(self, root: Client, client: Client) -> None:
        model = factories.make_model("gpt-4o")
        client.force_login(factories.make_user("somebody", role="Catalog admin"))

        assert (
            "Audit trail" in client.get(f"/admin/catalog/languagemodel/{model.pk}/history/").content.decode()
        )

    @pytest.mark.parametrize(("role", "status"), [("Auditor", 200), ("Finance", 403), ("Team lead", 403)])
    def test_is_for_auditors_and_platform_admins(
        self, db: None, client: Client, role: str, status: int
    ) -> None:
        client.force_login(factories.make_user("somebody", role=role))

        assert [client.get(page).status_code for page in (LIST, f"{LIST}export/")] == [status, status]


FIELDS = {
    f"trailresource_{name}": "on"
    for name in ("at", "by", "did", "kind", "number", "called", "changes", "why")
}

"""The roles that a fresh installation has after ``migrate``."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BOOKS = {"costentry", "dailyspend", "hold", "limitwindow", "workerlease"}
# Written by use cases that ask for permissions of their own: correct_costentry, close_billingperiod ...
BOOKS |= {"correctionbatch", "limitraise", "budgetnotice", "noticedelivery", "pricefeed"}
BOOKS |= {"billingperiod", "closing", "closedteam", "closedline", "closedblock", "closingwaiver", "reopening"}
BOOKS |= {
    "vendorreport",
    "vendorcost",
    "reconciliationrun",
    "reconciliationline",
    "gapexplanation",
    "signoff",
}
SECRET = {"view_webhook", "view_reportcredential"}
DECIDING = {"approve_priceproposal", "approve_limitraise", "approve_reopening", "sign_reconciliation"}
ALIASES = {
    f"{verb}_{model}" for verb in ("add", "change", "delete") for model in ("vendoralias", "vendoraccount")
}
FINANCE = {"correct_costentry", "close_billingperiod", "add_priceproposal"}
RECONCILING = {"add_vendorreport", "add_reconciliationrun", "add_gapexplanation"}
FINANCE |= {"sign_reconciliation"} | RECONCILING | ALIASES
# What proxy/0002_roles adds: everybody who sees the catalog sees how the vendors are doing.
TRAIL_SEEN = {"view_logentry"}  # what gateway_project/0001_audit_trail adds
HEALTH_SEEN = {"view_breaker", "view_breakerevent", "view_credentialstate", "view_healthcheck"}


def may(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def ours(prefix: str) -> set[str]:
    found = Permission.objects.filter(content_type__app_label__in=["catalog", "metering"])
    return set(found.filter(codename__startswith=prefix).values_list("codename", flat=True))


def seen() -> set[str]:
    return (ours("view_") - SECRET) | HEALTH_SEEN


@pytest.mark.django_db
def test_auditors_look_and_touch_nothing() -> None:
    assert may("Auditor") == seen() | TRAIL_SEEN


@pytest.mark.django_db
def test_finance_corrects_closes_reconciles_drafts_and_asks() -> None:
    assert may("Finance") == seen() | FINANCE


@pytest.mark.django_db
def test_approvers_look_and_decide() -> None:
    assert may("Approver") == seen() | DECIDING


@pytest.mark.django_db
def test_who_asks_and_who_decides_are_two_roles() -> None:
    both = {"sign_reconciliation"}  # above the tolerance one of each signs
    assert may("Finance") & DECIDING == may("Approver") & FINANCE == both


@pytest.mark.django_db
def test_catalog_admins_keep_prices_and_credentials_and_delete_nothing_else() -> None:
    added = may("Catalog admin") - seen()
    kept = ("price", "priceproposal", "languagemodel", "provider")
    credentials = {f"{verb}_credential" for verb in ("add", "change", "delete")}
    assert added == (
        {f"{verb}_{model}" for verb in ("add", "change") for model in kept}
        | credentials
        | {"change_credentialstate"}  # lets one that rests be used again
    )


@pytest.mark.django_db
def test_platform_admins_may_everything_but_write_the_books() -> None:
    books = {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in BOOKS}
    people = {"add_user", "change_user", "view_user", "view_group"}
    by_hand = {"change_breaker", "change_credentialstate"}
    everything = (ours("") - (books - RECONCILING)) | people | HEALTH_SEEN | TRAIL_SEEN
    assert may("Platform admin") == everything | by_hand


@pytest.mark.django_db
def test_leads_look_at_what_belongs_to_teams() -> None:
    assert may("Team lead") == {
        "view_team",
        "view_apikey",
        "view_limit",
        "view_limitwindow",
        "view_costentry",
        "view_limitraise",
    }


@pytest.mark.django_db
def test_the_roles_can_be_taken_back_and_made_again() -> None:
    before = {group.name: may(group.name) for group in Group.objects.all()}
    loader = MigrationExecutor(connection).loader
    steps = [
        (app, loader.get_migration(app, name).operations[-1], loader.project_state((app, name)))
        for app, name in (
            ("metering", "0003_roles"),
            ("proxy", "0002_roles"),
            ("metering", "0015_roles_of_the_books"),
            ("gateway_project", "0001_audit_trail"),
        )
    ]
    with connection.schema_editor(atomic=False) as editor:
        for app, operation, state in reversed(steps):
            operation.database_backwards(app, editor, state, state)
        assert list(Group.objects.values_list("name", flat=True)) == []
        for app, operation, state in steps:
            operation.database_forwards(app, editor, state, state)
    assert {group.name: may(group.name) for group in Group.objects.all()} == before


@pytest.mark.django_db
def test_what_the_roles_may_of_the_vendors_health_can_be_taken_back_alone() -> None:
    loader = MigrationExecutor(connection).loader
    with connection.schema_editor(atomic=False) as editor:
        for app, name in (("metering", "0015_roles_of_the_books"), ("proxy", "0002_roles")):
            state = loader.project_state((app, name))
            loader.get_migration(app, name).operations[-1].database_backwards(app, editor, state, state)

    assert not Permission.objects.filter(group__isnull=False, content_type__app_label="proxy").exists()
    assert "view_costentry" in may("Finance")

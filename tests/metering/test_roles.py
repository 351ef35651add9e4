"""The roles that a fresh installation has after ``migrate``."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BOOKS = {"costentry", "dailyspend", "hold", "limitwindow", "workerlease"}


def may(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def ours(prefix: str) -> set[str]:
    found = Permission.objects.filter(content_type__app_label__in=["catalog", "metering"])
    return set(found.filter(codename__startswith=prefix).values_list("codename", flat=True))


@pytest.mark.django_db
def test_finance_looks_and_touches_nothing() -> None:
    assert may("Finance") == ours("view_")


@pytest.mark.django_db
def test_catalog_admins_keep_prices_and_delete_nothing() -> None:
    added = may("Catalog admin") - may("Finance")
    kept = ("price", "priceproposal", "languagemodel", "provider")
    assert added == {f"{verb}_{model}" for verb in ("add", "change") for model in kept}


@pytest.mark.django_db
def test_platform_admins_may_everything_but_write_the_books() -> None:
    books = {f"{verb}_{model}" for verb in ("add", "change", "delete") for model in BOOKS}
    people = {"add_user", "change_user", "view_user", "view_group"}
    assert may("Platform admin") == (ours("") - books) | people


@pytest.mark.django_db
def test_leads_look_at_what_belongs_to_teams() -> None:
    assert may("Team lead") == {
        "view_team",
        "view_apikey",
        "view_limit",
        "view_limitwindow",
        "view_costentry",
    }


@pytest.mark.django_db
def test_the_roles_can_be_taken_back_and_made_again() -> None:
    before = {group.name: may(group.name) for group in Group.objects.all()}
    executor = MigrationExecutor(connection)
    migration = executor.loader.get_migration("metering", "0003_roles")
    state = executor.loader.project_state(("metering", "0003_roles"))
    operation = migration.operations[0]
    with connection.schema_editor(atomic=False) as editor:
        operation.database_backwards("metering", editor, state, state)
        assert not Group.objects.exists()
        operation.database_forwards("metering", editor, state, state)
    assert {group.name: may(group.name) for group in Group.objects.all()} == before

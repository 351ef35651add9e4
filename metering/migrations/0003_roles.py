"""The roles: groups with their permissions. Made here, so that a fresh installation has them after ``migrate``.

Finance         sees everything of the catalog and the books, exports; changes nothing
Catalog admin   Finance, and keeps providers, models and prices
Platform admin  everything but what nobody may (the ledger is written by the gateway alone)
Team lead       opens the admin for the teams they lead (Team.leads); rows of other teams are hidden from them

What nobody may is decided by the admin's own policies (catalog/admin/policies.py), for superusers too.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

APPS = ("catalog", "metering")
CATALOG_KEEPING = {
    "add_price",
    "change_price",
    "add_priceproposal",
    "change_priceproposal",
    "add_languagemodel",
    "change_languagemodel",
    "add_provider",
    "change_provider",
}
WRITTEN_BY_THE_GATEWAY = {"costentry", "dailyspend", "hold", "limitwindow", "workerlease"}
TEAM_LEAD = {"view_team", "view_apikey", "view_limit", "view_limitwindow", "view_costentry"}
PEOPLE = {"add_user", "change_user", "view_user", "view_group"}


def make_roles(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in ("auth", *APPS):
        _make_permissions(apps, label, alias)
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    ours = Permission.objects.using(alias).filter(content_type__app_label__in=APPS)
    people = Permission.objects.using(alias).filter(content_type__app_label="auth", codename__in=PEOPLE)
    viewing = ours.filter(codename__startswith="view_")
    roles = {
        "Finance": [viewing],
        "Catalog admin": [viewing, ours.filter(codename__in=CATALOG_KEEPING)],
        "Platform admin": [
            viewing,
            ours.exclude(content_type__model__in=WRITTEN_BY_THE_GATEWAY),
            people,
        ],
        "Team lead": [ours.filter(codename__in=TEAM_LEAD)],
    }
    for name, permission_sets in roles.items():
        group, _ = Group.objects.using(alias).get_or_create(name=name)
        for permissions in permission_sets:
            group.permissions.add(*permissions)


def remove_roles(apps, schema_editor):
    """Takes the roles away from the people who have them: migrating back says so by doing it."""
    names = ["Finance", "Catalog admin", "Platform admin", "Team lead"]
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name__in=names).delete()


def _make_permissions(apps, label, alias):
    """On a fresh database Django makes permissions after the last migration: too late for groups made in one."""
    config = apps.get_app_config(label)
    config.models_module = True  # what create_permissions looks at; the migration's own app registry has none
    create_permissions(config, verbosity=0, using=alias, apps=apps)
    config.models_module = None


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0002_ledger_rules"),
        ("catalog", "0002_rules"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, remove_roles)]

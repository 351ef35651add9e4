"""Who may do what with the books: two more roles, and what the others may of the new tables.

Auditor         sees everything and exports; changes nothing
Finance         the same; keeps corrections, closings and reconciliation; drafts prices
Approver        sees everything; decides what others ask for (drafts of prices, raises, reopening a month)
Catalog admin   keeps the catalog, as before, and sees the new tables
Platform admin  everything but what nobody may
Team lead       as before, and asks for raises
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN_BY_ALL = {"view_billingperiod", "view_correctionbatch", "view_limitraise"}
ROLES = {
    "Finance": SEEN_BY_ALL,
    "Catalog admin": SEEN_BY_ALL,
    "Platform admin": SEEN_BY_ALL,
    "Team lead": {"view_limitraise"},
}
# Written by use cases that ask for permissions of their own, never as rows of a table.
BY_NOBODY = {
    f"{verb}_{model}"
    for verb in ("add", "change", "delete")
    for model in ("billingperiod", "correctionbatch", "limitraise")
}
LABELS = ("catalog", "metering", "proxy")


def grant(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in LABELS:
        _make_permissions(apps, label, alias)
    Group = apps.get_model("auth", "Group")
    for name, codenames in ROLES.items():
        group = Group.objects.using(alias).filter(name=name).first()
        if group is not None:  # an operator may have removed it
            group.permissions.add(*_ours(apps, alias, codenames))
            group.permissions.remove(*_ours(apps, alias, BY_NOBODY))


def revoke(apps, schema_editor):
    alias = schema_editor.connection.alias
    for name, codenames in ROLES.items():
        for group in apps.get_model("auth", "Group").objects.using(alias).filter(name=name):
            group.permissions.remove(*_ours(apps, alias, codenames))


def _ours(apps, alias, codenames):
    Permission = apps.get_model("auth", "Permission")
    return Permission.objects.using(alias).filter(content_type__app_label__in=LABELS, codename__in=codenames)


def _make_permissions(apps, label, alias):
    """On a fresh database Django makes permissions after the last migration: too late for groups made in one."""
    config = apps.get_app_config(label)
    config.models_module = True  # what create_permissions looks at; the migration's own app registry has none
    create_permissions(config, verbosity=0, using=alias, apps=apps)
    config.models_module = None


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0014_reconciliation"),
        ("catalog", "0006_price_book"),
        ("proxy", "0004_idempotency"),
    ]

    operations = [migrations.RunPython(grant, revoke)]

"""What the roles of metering/0003 may see and do of the vendors' health, and of further credentials.

Finance         sees breakers, events, credentials that rest, health checks
Catalog admin   the same; keeps further credentials; lets a resting one be used again
Platform admin  the same; holds breakers open or closed
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN = {"view_breaker", "view_breakerevent", "view_credentialstate", "view_healthcheck", "view_credential"}
CREDENTIALS = {"add_credential", "change_credential", "delete_credential", "change_credentialstate"}
ROLES = {
    "Finance": SEEN,
    "Catalog admin": SEEN | CREDENTIALS,
    "Platform admin": SEEN | CREDENTIALS | {"change_breaker"},
}


def grant(apps, schema_editor):
    alias = schema_editor.connection.alias
    for label in ("catalog", "proxy"):
        _make_permissions(apps, label, alias)
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for name, codenames in ROLES.items():
        group = Group.objects.using(alias).filter(name=name).first()
        if group is not None:  # an operator may have removed it
            group.permissions.add(*_ours(Permission, alias, codenames))


def revoke(apps, schema_editor):
    alias = schema_editor.connection.alias
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in ROLES.items():
        for group in apps.get_model("auth", "Group").objects.using(alias).filter(name=name):
            group.permissions.remove(*_ours(Permission, alias, codenames))


def _ours(Permission, alias, codenames):
    return Permission.objects.using(alias).filter(
        content_type__app_label__in=("catalog", "proxy"), codename__in=codenames
    )


def _make_permissions(apps, label, alias):
    """On a fresh database Django makes permissions after the last migration: too late for groups made in one."""
    config = apps.get_app_config(label)
    config.models_module = True  # what create_permissions looks at; the migration's own app registry has none
    create_permissions(config, verbosity=0, using=alias, apps=apps)
    config.models_module = None


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0001_health_of_vendors"),
        ("catalog", "0005_reliability_policies"),
        ("metering", "0003_roles"),
    ]

    operations = [migrations.RunPython(grant, revoke)]

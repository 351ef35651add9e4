"""The audit trail only grows, and who may read it: auditors and platform admins.

It is refused to everybody, with SQL too, to change or delete an entry. One exception: when a person is deleted
(from a shell; the admin deletes nobody), the entry keeps the name and loses the reference.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

READERS = ("Auditor", "Platform admin")

ONLY_GROWS = """
CREATE FUNCTION audit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.actor_id IS NULL AND to_jsonb(NEW) - 'actor_id' = to_jsonb(OLD) - 'actor_id' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit trail only grows' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE ON auditlog_logentry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_stays();
CREATE TRIGGER audit_entry_never_truncated BEFORE TRUNCATE ON auditlog_logentry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_stays();
"""
CHANGES_AGAIN = """
DROP TRIGGER audit_entry_never_truncated ON auditlog_logentry;
DROP TRIGGER audit_entry_stays ON auditlog_logentry;
DROP FUNCTION audit_entry_stays();
"""


def grant(apps, schema_editor):
    alias = schema_editor.connection.alias
    config = apps.get_app_config("auditlog")
    config.models_module = True  # what create_permissions looks at; the migration's own app registry has none
    create_permissions(config, verbosity=0, using=alias, apps=apps)
    config.models_module = None
    for group in _readers(apps, alias):
        group.permissions.add(*_looking(apps, alias))


def revoke(apps, schema_editor):
    alias = schema_editor.connection.alias
    for group in _readers(apps, alias):
        group.permissions.remove(*_looking(apps, alias))


def _readers(apps, alias):
    return apps.get_model("auth", "Group").objects.using(alias).filter(name__in=READERS)


def _looking(apps, alias):
    Permission = apps.get_model("auth", "Permission")
    return Permission.objects.using(alias).filter(
        content_type__app_label="auditlog", codename="view_logentry"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("auditlog", "0017_add_actor_email"),
        ("metering", "0015_roles_of_the_books"),
    ]

    operations = [
        migrations.RunSQL(ONLY_GROWS, CHANGES_AGAIN),
        migrations.RunPython(grant, revoke),
    ]

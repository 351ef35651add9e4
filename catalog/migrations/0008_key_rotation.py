"""The secrets that keys had before, and what was done with keys: by whom, when and why."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# An old secret that is ended, or begins to be one, is known to every worker within a second.
ANNOUNCE = """
CREATE TRIGGER catalog_formersecret_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON catalog_formersecret
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_announce();
"""
ANNOUNCE_REVERSE = "DROP TRIGGER catalog_formersecret_announced ON catalog_formersecret;"

STAYS = """
CREATE FUNCTION catalog_key_events_stay() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what was done with keys stays: % is refused', TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'key_event_stays';
END $$;
CREATE TRIGGER key_event_stays BEFORE UPDATE OR DELETE ON catalog_keyevent
    FOR EACH ROW EXECUTE FUNCTION catalog_key_events_stay();
CREATE TRIGGER key_event_never_truncated BEFORE TRUNCATE ON catalog_keyevent
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_key_events_stay();
"""
STAYS_REVERSE = """
DROP TRIGGER key_event_never_truncated ON catalog_keyevent;
DROP TRIGGER key_event_stays ON catalog_keyevent;
DROP FUNCTION catalog_key_events_stay();
"""

# Of keys made before, what is known: when. Nobody wrote down who and why.
KNOWN = """
INSERT INTO catalog_keyevent (key_id, action, prefix, at, reason)
SELECT id, 'created', prefix, created_at, '' FROM catalog_apikey
UNION ALL
SELECT id, 'revoked', prefix, revoked_at, '' FROM catalog_apikey WHERE revoked_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0007_drafts_stay"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FormerSecret',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('prefix', models.CharField(help_text='The public part.', max_length=16, unique=True)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('replaced_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(help_text='Calls with it are refused from here on.')),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='former_secrets', to='catalog.apikey')),
            ],
            options={
                'ordering': ['-replaced_at', '-id'],
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='former_secret_digest_is_sha256'), models.CheckConstraint(condition=models.Q(('ends_at__gte', models.F('replaced_at'))), name='former_secret_ends_after_it_was_replaced')],
            },
        ),
        migrations.CreateModel(
            name='KeyEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', models.CharField(choices=[('created', 'created'), ('rotated', 'given a new secret'), ('ended', 'old secret ended'), ('revoked', 'revoked')], max_length=8)),
                ('prefix', models.CharField(max_length=16)),
                ('at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='catalog.apikey')),
            ],
            options={
                'ordering': ['-at', '-id'],
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('action__in', ['created', 'rotated', 'ended', 'revoked'])), name='key_event_action_known'), models.CheckConstraint(condition=models.Q(('by__isnull', True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='key_event_by_a_person_says_why'), models.UniqueConstraint(condition=models.Q(('action__in', ['created', 'revoked'])), fields=('key', 'action'), name='key_event_begins_and_ends_once')],
            },
        ),
        migrations.RunSQL(ANNOUNCE, ANNOUNCE_REVERSE),
        migrations.RunSQL(STAYS, STAYS_REVERSE),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]

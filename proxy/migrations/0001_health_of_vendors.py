"""Breakers with their events, credentials that rest, and health checks: shared by all workers."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Events are kept: how a vendor's bad day went must not be told differently afterwards.
EVENTS_GROW = """
CREATE FUNCTION proxy_breakerevent_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'breaker events only grow: % is refused', TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER breaker_events_grow BEFORE UPDATE OR DELETE ON proxy_breakerevent
    FOR EACH ROW EXECUTE FUNCTION proxy_breakerevent_guard();
CREATE TRIGGER breaker_events_are_kept BEFORE TRUNCATE ON proxy_breakerevent
    FOR EACH STATEMENT EXECUTE FUNCTION proxy_breakerevent_guard();
"""
EVENTS_GROW_REVERSE = """
DROP TRIGGER breaker_events_are_kept ON proxy_breakerevent;
DROP TRIGGER breaker_events_grow ON proxy_breakerevent;
DROP FUNCTION proxy_breakerevent_guard();
"""
# Every worker listens on this channel and reads again what changed.
ANNOUNCE = """
CREATE FUNCTION proxy_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tallygate_reliability', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER proxy_breaker_announced AFTER INSERT OR UPDATE OF state, generation, forced, drained_since, opened_at
    ON proxy_breaker FOR EACH STATEMENT EXECUTE FUNCTION proxy_announce();
CREATE TRIGGER proxy_credentialstate_announced AFTER INSERT OR UPDATE OR DELETE ON proxy_credentialstate
    FOR EACH STATEMENT EXECUTE FUNCTION proxy_announce();
"""
ANNOUNCE_REVERSE = """
DROP TRIGGER proxy_credentialstate_announced ON proxy_credentialstate;
DROP TRIGGER proxy_breaker_announced ON proxy_breaker;
DROP FUNCTION proxy_announce();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('catalog', '0005_reliability_policies'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Breaker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('closed', 'Closed'), ('open', 'Open'), ('half_open', 'Half open')], default='closed', max_length=9)),
                ('version', models.BigIntegerField(default=0, help_text='Grows with every change: what was read earlier never hides what was written later.')),
                ('generation', models.BigIntegerField(default=0, help_text='Grows with every opening and closing: late results of an earlier one do not count.')),
                ('opened_at', models.DateTimeField(blank=True, null=True)),
                ('probe_worker', models.UUIDField(blank=True, help_text='Whose call is the one probe.', null=True)),
                ('probe_expires_at', models.DateTimeField(blank=True, null=True)),
                ('drained_since', models.DateTimeField(blank=True, help_text='Slow for too long: tried last, until a probe is fast again.', null=True)),
                ('forced', models.CharField(blank=True, choices=[('', 'By itself'), ('open', 'Held open'), ('closed', 'Held closed')], default='', max_length=6)),
                ('note', models.CharField(blank=True, help_text='Why it is held.', max_length=500)),
                ('counts', models.JSONField(blank=True, default=dict, help_text='What was counted in the window, with samples of the errors.')),
                ('changed_at', models.DateTimeField()),
                ('model', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='breakers', to='catalog.languagemodel')),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='breakers', to='catalog.provider')),
            ],
            options={
                'ordering': ['provider__name', models.OrderBy(models.F('model__name'), nulls_first=True)],
            },
        ),
        migrations.CreateModel(
            name='BreakerEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True)),
                ('was', models.CharField(choices=[('closed', 'Closed'), ('open', 'Open'), ('half_open', 'Half open')], max_length=9)),
                ('now', models.CharField(choices=[('closed', 'Closed'), ('open', 'Open'), ('half_open', 'Half open')], max_length=9)),
                ('reason', models.CharField(choices=[('consecutive_failures', 'Failures in a row'), ('failure_rate', 'Failure rate'), ('slow_rate', 'Slow-call rate'), ('cooldown_over', 'Cool-down over, one probe'), ('probe_failed', 'Probe failed'), ('probe_succeeded', 'Probe succeeded'), ('drained', 'p99 too slow for too long'), ('returned', 'Fast again'), ('manual', 'By hand')], max_length=20)),
                ('evidence', models.JSONField(default=dict, help_text='Counts, sample errors, request ids.')),
                ('worker', models.UUIDField(blank=True, null=True)),
                ('note', models.CharField(blank=True, max_length=500)),
                ('breaker', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='proxy.breaker')),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='CredentialState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=[('rate_limited', 'Throttled by the vendor'), ('rejected', 'Rejected by the vendor'), ('no_funds', "The vendor's account has no money")], max_length=12)),
                ('since', models.DateTimeField(help_text='The first refusal in a row.')),
                ('until', models.DateTimeField()),
                ('times', models.PositiveIntegerField(default=1, help_text='Refusals in a row.')),
                ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('code', models.CharField(blank=True, help_text="The vendor's word.", max_length=80)),
                ('request_id', models.UUIDField(blank=True, help_text='Of the call that was refused last.', null=True)),
                ('fingerprint', models.CharField(blank=True, help_text='Of the secret that was refused: another one is free at once.', max_length=16)),
                ('credential', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='states', to='catalog.credential')),
                ('model', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='credential_states', to='catalog.languagemodel')),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credential_states', to='catalog.provider')),
            ],
            options={
                'ordering': ['provider__name', '-until'],
            },
        ),
        migrations.CreateModel(
            name='HealthCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('claimed_at', models.DateTimeField(help_text='When a worker last took the check upon itself.')),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('healthy', models.BooleanField(blank=True, help_text='Empty: not yet known.', null=True)),
                ('latency_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('detail', models.CharField(blank=True, help_text='What was wrong.', max_length=200)),
                ('in_a_row', models.PositiveIntegerField(default=0, help_text='Checks with the same outcome.')),
                ('provider', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='health_check', to='catalog.provider')),
            ],
            options={
                'ordering': ['provider__name'],
            },
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.UniqueConstraint(fields=('provider', 'model'), name='breaker_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['closed', 'open', 'half_open'])), name='breaker_state_known'),
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.CheckConstraint(condition=models.Q(('forced__in', ['', 'open', 'closed'])), name='breaker_forced_known'),
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('opened_at__isnull', True), ('state', 'closed')), models.Q(('opened_at__isnull', False), ('state__in', ['open', 'half_open'])), _connector='OR'), name='breaker_open_since'),
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('probe_expires_at__isnull', True), ('probe_worker__isnull', True)), models.Q(('probe_expires_at__isnull', False), ('probe_worker__isnull', False)), _connector='OR'), name='breaker_probe_whole'),
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.CheckConstraint(condition=models.Q(('probe_worker__isnull', True), ('state', 'half_open'), _connector='OR'), name='breaker_probe_half_open'),
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.CheckConstraint(condition=models.Q(('drained_since__isnull', True), ('model__isnull', True), _connector='OR'), name='breaker_drain_of_provider'),
        ),
        migrations.AddConstraint(
            model_name='breakerevent',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['consecutive_failures', 'failure_rate', 'slow_rate', 'cooldown_over', 'probe_failed', 'probe_succeeded', 'drained', 'returned', 'manual'])), name='breaker_event_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='breakerevent',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('by__isnull', False), ('reason', 'manual')), models.Q(models.Q(('reason', 'manual'), _negated=True), ('by__isnull', True)), _connector='OR'), name='breaker_event_manual_has_person'),
        ),
        migrations.AddConstraint(
            model_name='credentialstate',
            constraint=models.UniqueConstraint(fields=('provider', 'credential', 'model'), name='credential_state_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='credentialstate',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['rate_limited', 'rejected', 'no_funds'])), name='credential_state_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='credentialstate',
            constraint=models.CheckConstraint(condition=models.Q(('until__gte', models.F('since'))), name='credential_state_period'),
        ),
        migrations.AddConstraint(
            model_name='credentialstate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reason', 'no_funds'), _negated=True), ('model__isnull', True), _connector='OR'), name='credential_state_scope'),
        ),
        migrations.AddConstraint(
            model_name='healthcheck',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('checked_at__isnull', True), ('healthy__isnull', True)), models.Q(('checked_at__isnull', False), ('healthy__isnull', False)), _connector='OR'), name='health_check_whole'),
        ),
        migrations.RunSQL(EVENTS_GROW, EVENTS_GROW_REVERSE),
        migrations.RunSQL(ANNOUNCE, ANNOUNCE_REVERSE),
    ]

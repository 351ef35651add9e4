"""Closings of months: totals, chain and statements."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What was reported stays reported: not even the ledger's owner changes it by accident.
KEPT = ("closing", "closedteam", "closedline", "closedblock", "closingwaiver")
KEPT_FUNCTION = """
CREATE FUNCTION metering_closing_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a closed month stays as it was closed: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""
KEPT_TRIGGERS = "".join(
    f"""
CREATE TRIGGER {table}_is_kept BEFORE UPDATE OR DELETE ON metering_{table}
    FOR EACH ROW EXECUTE FUNCTION metering_closing_is_kept();
CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON metering_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION metering_closing_is_kept();
"""
    for table in KEPT
)
KEPT_REVERSE = (
    "".join(
        f"""
DROP TRIGGER {table}_never_truncated ON metering_{table};
DROP TRIGGER {table}_is_kept ON metering_{table};
"""
        for table in KEPT
    )
    + "DROP FUNCTION metering_closing_is_kept();"
)

REOPENING = """
CREATE FUNCTION metering_reopening_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state <> 'open'
        OR (NEW.closing_id, NEW.reason, NEW.asked_by_id, NEW.asked_at)
        IS DISTINCT FROM (OLD.closing_id, OLD.reason, OLD.asked_by_id, OLD.asked_at)
    THEN
        RAISE EXCEPTION 'a reopening is decided once, as it was asked for' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reopening_is_kept BEFORE UPDATE OR DELETE ON metering_reopening
    FOR EACH ROW EXECUTE FUNCTION metering_reopening_is_kept();
"""
REOPENING_REVERSE = """
DROP TRIGGER reopening_is_kept ON metering_reopening;
DROP FUNCTION metering_reopening_is_kept();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("catalog", "0005_reliability_policies"),
        ("metering", "0012_budget_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='billingperiod',
            options={'ordering': ['-month'], 'permissions': [('close_billingperiod', 'Can close months, waive obstacles, ask to reopen')]},
        ),
        migrations.CreateModel(
            name='Closing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveSmallIntegerField()),
                ('closed_at', models.DateTimeField()),
                ('closed_by', models.CharField(help_text="The user's name at that time.", max_length=150)),
                ('time_zone', models.CharField(help_text='The business time zone when it was closed.', max_length=60)),
                ('entries', models.BigIntegerField()),
                ('last_entry', models.BigIntegerField(help_text='The last of them; empty for a month without any.', null=True)),
                ('unpriced', models.BigIntegerField(help_text='Entries whose cost was still unknown.')),
                ('amount', models.DecimalField(decimal_places=12, max_digits=28)),
                ('price_list', models.CharField(help_text='SHA-256 over the prices in force in the month.', max_length=64)),
                ('names', models.JSONField(help_text='What models and keys were called at that time, by id.')),
                ('waived', models.JSONField(default=list, help_text='What was not settled when it was closed, and who let it pass.')),
                ('layout', models.PositiveSmallIntegerField(help_text='Which canonical row the chain is made of.')),
                ('previous_head', models.CharField(blank=True, help_text='Of the closed month before; or empty.', max_length=64)),
                ('head', models.CharField(help_text='SHA-256 over the snapshot and the previous head.', max_length=64)),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='closings', to='metering.billingperiod')),
            ],
            options={
                'ordering': ['-period__month', '-version'],
            },
        ),
        migrations.CreateModel(
            name='ClosedTeam',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=60)),
                ('title', models.CharField(blank=True, max_length=120)),
                ('cost_center', models.CharField(blank=True, max_length=60)),
                ('entries', models.BigIntegerField()),
                ('unpriced', models.BigIntegerField()),
                ('exposure', models.DecimalField(decimal_places=12, help_text='What the unpriced entries may have cost at most, where that is known.', max_digits=28)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=28)),
                ('digest', models.CharField(help_text='The end of the chain over its entries.', max_length=64)),
                ('corrections', models.JSONField(default=list, help_text="Batches that corrected this month's own entries: included in the usage.")),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
                ('closing', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='teams', to='metering.closing')),
            ],
            options={
                'ordering': ['closing', 'number'],
            },
        ),
        migrations.CreateModel(
            name='ClosingWaiver',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveSmallIntegerField(help_text='Of the closing that it is for.')),
                ('obstacle', models.CharField(max_length=40)),
                ('subject', models.CharField(blank=True, help_text='Whom it concerns, such as a vendor.', max_length=200)),
                ('count', models.BigIntegerField()),
                ('reason', models.CharField(max_length=500)),
                ('waived_by', models.CharField(help_text="The user's name at that time.", max_length=150)),
                ('waived_at', models.DateTimeField()),
                ('period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='waivers', to='metering.billingperiod')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Reopening',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=500)),
                ('asked_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('approved', 'Approved'), ('denied', 'Denied')], default='open', max_length=8)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('self_approved', models.BooleanField(default=False)),
                ('note', models.CharField(blank=True, help_text='Of the person who decided.', max_length=500)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('closing', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reopenings', to='metering.closing')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('approve_reopening', 'Can decide whether a closed month is opened again')],
            },
        ),
        migrations.CreateModel(
            name='ClosedLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('charged', models.DateField(blank=True, null=True)),
                ('reference', models.CharField(blank=True, help_text="The batch, or the correction's note.", max_length=320)),
                ('model_name', models.CharField(max_length=260)),
                ('variant', models.CharField(max_length=10)),
                ('basis', models.CharField(help_text='Where the amount comes from.', max_length=12)),
                ('bucket', models.CharField(blank=True, help_text='Empty: an amount without a quantity.', max_length=15)),
                ('quantity', models.BigIntegerField(blank=True, null=True)),
                ('rate', models.DecimalField(blank=True, decimal_places=12, max_digits=24, null=True)),
                ('amount', models.DecimalField(blank=True, decimal_places=12, max_digits=28, null=True)),
                ('entries', models.BigIntegerField(help_text='Ledger entries behind it.')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('price', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.price')),
                ('closed_team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='metering.closedteam')),
            ],
            options={
                'ordering': ['closed_team', 'position'],
                'constraints': [models.UniqueConstraint(fields=('closed_team', 'position'), name='closed_line_once_per_position'), models.CheckConstraint(condition=models.Q(('basis__in', ['price', 'reported', 'adjustment', 'not_billed', 'unpriced'])), name='closed_line_basis_known'), models.CheckConstraint(condition=models.Q(models.Q(('bucket', ''), ('quantity__isnull', True), ('rate__isnull', True)), models.Q(models.Q(('bucket', ''), _negated=True), ('quantity__isnull', False)), _connector='OR'), name='closed_line_quantity_has_bucket')],
            },
        ),
        migrations.CreateModel(
            name='ClosedBlock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField(help_text='Counts from 0.')),
                ('marks', models.BinaryField()),
                ('closed_team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='blocks', to='metering.closedteam')),
            ],
            options={
                'ordering': ['closed_team', 'position'],
                'constraints': [models.UniqueConstraint(fields=('closed_team', 'position'), name='closed_block_once_per_position')],
            },
        ),
        migrations.AddConstraint(
            model_name='closing',
            constraint=models.UniqueConstraint(fields=('period', 'version'), name='closing_once_per_version'),
        ),
        migrations.AddConstraint(
            model_name='closing',
            constraint=models.CheckConstraint(condition=models.Q(('version__gte', 1)), name='closing_version_counts_from_one'),
        ),
        migrations.AddConstraint(
            model_name='closing',
            constraint=models.CheckConstraint(condition=models.Q(('closed_by', ''), _negated=True), name='closing_says_who'),
        ),
        migrations.AddConstraint(
            model_name='closing',
            constraint=models.CheckConstraint(condition=models.Q(('head__regex', '^[0-9a-f]{64}$'), ('price_list__regex', '^[0-9a-f]{64}$')), name='closing_sealed'),
        ),
        migrations.AddConstraint(
            model_name='closing',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('entries', 0), ('last_entry__isnull', True)), models.Q(('entries__gt', 0), ('last_entry__isnull', False)), _connector='OR'), name='closing_counts_entries'),
        ),
        migrations.AddConstraint(
            model_name='closedteam',
            constraint=models.UniqueConstraint(fields=('closing', 'team'), name='closed_team_once'),
        ),
        migrations.AddConstraint(
            model_name='closedteam',
            constraint=models.UniqueConstraint(fields=('closing', 'number'), name='closed_team_numbered_once'),
        ),
        migrations.AddConstraint(
            model_name='closedteam',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='closed_team_counts_from_one'),
        ),
        migrations.AddConstraint(
            model_name='closedteam',
            constraint=models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='closed_team_sealed'),
        ),
        migrations.AddConstraint(
            model_name='closingwaiver',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), models.Q(('waived_by', ''), _negated=True)), name='closing_waiver_says_who_and_why'),
        ),
        migrations.AddConstraint(
            model_name='reopening',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('closing',), name='reopening_one_open_each'),
        ),
        migrations.AddConstraint(
            model_name='reopening',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='reopening_says_why'),
        ),
        migrations.AddConstraint(
            model_name='reopening',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'approved', 'denied'])), name='reopening_state_known'),
        ),
        migrations.AddConstraint(
            model_name='reopening',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='reopening_decided_or_open'),
        ),
        migrations.AddConstraint(
            model_name='reopening',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'approved'), _negated=True), models.Q(('decided_by', models.F('asked_by')), _negated=True), ('self_approved', True), _connector='OR'), name='reopening_approved_by_another'),
        ),
        migrations.RunSQL(KEPT_FUNCTION + KEPT_TRIGGERS, KEPT_REVERSE),
        migrations.RunSQL(REOPENING, REOPENING_REVERSE),
    ]

"""Notices of budgets: at what they are given, to whom, and how they get there; and more facts of a refusal.

metering_admit is that of 0011 and says of a refusing limit what is spent, held and possibly spent in it, as its
verdict saw it. It returns more columns, so it is made anew.
"""

import importlib

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import metering.models.limits

_BEFORE = importlib.import_module("metering.migrations.0011_billed_periods_and_raises")


def _changed(function: str, text: str, by: str) -> str:
    """``function`` with one passage changed."""
    before, after = function.split(text)
    return before + by + after


ADMIT = _changed(
    _BEFORE.ADMIT, "    rate_rooms numeric[])", "    rate_rooms numeric[], spent numeric, held numeric, exposed numeric)"
)
ADMIT = _changed(ADMIT, "    added numeric[];\n", "    added numeric[];\n    spents numeric[]; helds numeric[]; exposeds numeric[];\n")
ADMIT = _changed(
    ADMIT,
    "array_agg(q.amount), array_agg(q.rated)\n    INTO ids, limits, units, binding, rooms, ends, added, ceilings, rated",
    "array_agg(q.amount), array_agg(q.rated),\n        array_agg(q.spent), array_agg(q.held), array_agg(q.exposed)"
    "\n    INTO ids, limits, units, binding, rooms, ends, added, ceilings, rated, spents, helds, exposeds",
)
ADMIT = _changed(ADMIT, "AND l.mode = 'hard' AND l.enabled AS rated", "AND l.mode = 'hard' AND l.enabled AS rated, lw.spent, lw.held, lw.exposed")
ADMIT = _changed(ADMIT, "        amount := NULL; rate_limits := NULL;", "        spent := NULL; held := NULL; exposed := NULL;\n        amount := NULL; rate_limits := NULL;")
ADMIT = _changed(
    ADMIT,
    "amount := ceilings[place];\n",
    "amount := ceilings[place];\n                spent := spents[place]; held := helds[place] + added[place];"
    " exposed := exposeds[place];\n",
)
DROP_ADMIT = "DROP FUNCTION metering_admit(jsonb, bigint[]);"

# What callers are told of a team's budgets is part of the workers' configuration.
NOTIFY = """
CREATE TRIGGER team_budgets_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON metering_teambudgets
    FOR EACH STATEMENT EXECUTE FUNCTION metering_notify_configuration();
"""
NOTIFY_REVERSE = "DROP TRIGGER team_budgets_changed ON metering_teambudgets;"


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0011_billed_periods_and_raises"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='limitraise',
            options={'ordering': ['-id'], 'permissions': [('ask_limitraise', 'Can ask for raises of limits'), ('approve_limitraise', 'Can approve and deny raises of limits')]},
        ),
        migrations.AddField(
            model_name='limit',
            name='notify_at',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)]), blank=True, db_default=[50, 80, 100], default=metering.models.limits.notify_at, help_text='Per cent of a budget (with its raises) at which people are told, each once a period; empty: never.', size=None),
        ),
        migrations.AddField(
            model_name='limit',
            name='notify_emails',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.EmailField(max_length=254), blank=True, db_default=[], default=list, help_text="Who is told beside the team's leads.", size=None),
        ),
        migrations.CreateModel(
            name='BudgetNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.UUIDField(help_text='By which receivers know what they have already.', unique=True)),
                ('kind', models.CharField(choices=[('threshold', 'so much of a budget is used'), ('raise_asked', 'more was asked for'), ('raise_decided', 'a raise was decided')], default='threshold', max_length=13)),
                ('starts_at', models.DateTimeField(help_text='Of the period.')),
                ('ends_at', models.DateTimeField()),
                ('threshold', models.PositiveSmallIntegerField(blank=True, help_text='Per cent.', null=True)),
                ('used', models.DecimalField(blank=True, decimal_places=12, max_digits=28, null=True)),
                ('ceiling', models.DecimalField(blank=True, decimal_places=12, help_text='The amount and its raises.', max_digits=28, null=True)),
                ('rearmed_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('limit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='metering.limit')),
                ('limit_raise', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='metering.limitraise')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='TeamBudgets',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('contact', models.CharField(blank=True, help_text="Whom a caller without budget asks; told to every caller: a channel or a role, not a person's address.", max_length=200)),
                ('hide_amounts', models.BooleanField(default=False, help_text='Callers are told that a budget is spent, not how much it is.')),
                ('team', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='budget_settings', to='catalog.team')),
            ],
            options={
                'verbose_name': 'budget settings',
                'verbose_name_plural': 'budget settings',
                'ordering': ['team'],
            },
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(help_text='https://... Redirects are not followed.', max_length=500, validators=[django.core.validators.URLValidator(schemes=['https', 'http'])])),
                ('secret_encrypted', models.TextField(editable=False)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('team', models.ForeignKey(blank=True, help_text='Only notices of this team; empty: of all.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='webhooks', to='catalog.team')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='NoticeDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('webhook', 'Webhook')], max_length=7)),
                ('address', models.CharField(help_text="An e-mail address, or the webhook's at that time.", max_length=500)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('delivered', 'Delivered'), ('given_up', 'given up')], default='waiting', max_length=9)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField()),
                ('last_answer', models.CharField(blank=True, help_text='What came of the last try.', max_length=300)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('notice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='metering.budgetnotice')),
                ('webhook', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='metering.webhook')),
            ],
            options={
                'verbose_name_plural': 'notice deliveries',
                'ordering': ['-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='budgetnotice',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'threshold'), ('rearmed_at__isnull', True)), fields=('limit', 'starts_at', 'threshold'), name='budget_notice_once'),
        ),
        migrations.AddConstraint(
            model_name='budgetnotice',
            constraint=models.UniqueConstraint(condition=models.Q(('limit_raise__isnull', False)), fields=('limit_raise', 'kind'), name='budget_notice_once_per_raise'),
        ),
        migrations.AddConstraint(
            model_name='budgetnotice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ceiling__isnull', False), ('kind', 'threshold'), ('limit_raise__isnull', True), ('threshold__gt', 0), ('used__isnull', False)), models.Q(('kind__in', ['raise_asked', 'raise_decided']), ('limit_raise__isnull', False), ('threshold__isnull', True)), _connector='OR'), name='budget_notice_is_of_its_kind'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('url__regex', '^https?://')), name='webhook_url_is_http', violation_error_message='Write the address as https://host/path.'),
        ),
        migrations.AddIndex(
            model_name='noticedelivery',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['next_try_at'], name='notice_delivery_waiting'),
        ),
        migrations.AddConstraint(
            model_name='noticedelivery',
            constraint=models.UniqueConstraint(fields=('notice', 'channel', 'address', 'webhook'), name='notice_delivery_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='noticedelivery',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'delivered', 'given_up'])), name='notice_delivery_state_known'),
        ),
        migrations.AddConstraint(
            model_name='noticedelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('channel', 'email'), ('webhook__isnull', True)), models.Q(('channel', 'webhook'), ('webhook__isnull', False)), _connector='OR'), name='notice_delivery_channel_known'),
        ),
        migrations.AddConstraint(
            model_name='noticedelivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('delivered_at__isnull', False), ('state', 'delivered')), models.Q(models.Q(('state', 'delivered'), _negated=True), ('delivered_at__isnull', True)), _connector='OR'), name='notice_delivery_delivered_at_a_moment'),
        ),
        migrations.AlterField(
            model_name='limit',
            name='tag_name',
            field=models.CharField(blank=True, db_default='', default='', help_text='Only calls that carry this tag (x-tallygate-tags) ...', max_length=60),
        ),
        migrations.AlterField(
            model_name='limit',
            name='tag_value',
            field=models.CharField(blank=True, db_default='', default='', help_text='... with this value.', max_length=200),
        ),
        migrations.RunSQL(DROP_ADMIT + ADMIT, DROP_ADMIT + _BEFORE.ADMIT),
        migrations.RunSQL(NOTIFY, NOTIFY_REVERSE),
    ]

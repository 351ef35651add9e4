"""Tables and columns for corrections in batches, billing periods, tags as scopes of limits, and raises.

What the columns mean to bookings is in 0011.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0005_reliability_policies'),
        ('metering', '0009_found_by_id'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BillingPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(help_text='Its first day, in the business time zone.', unique=True)),
                ('status', models.CharField(choices=[('open', 'Open'), ('closing', 'Closing'), ('closed', 'Closed')], default='open', max_length=7)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'ordering': ['-month'],
            },
        ),
        migrations.CreateModel(
            name='CorrectionBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('re_rate', 'priced again'), ('adjustment', 'adjusted by a person')], default='re_rate', max_length=10)),
                ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done')], default='running', max_length=7)),
                ('reason', models.CharField(max_length=500)),
                ('author', models.CharField(help_text="Who corrected: the user's name at that time.", max_length=150)),
                ('scope', models.JSONField(default=dict, help_text='What was asked to be corrected: days, model, team ...')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('done_at', models.DateTimeField(blank=True, null=True)),
                ('corrected', models.BigIntegerField(default=0, help_text='Entries that were corrected.')),
                ('amount', models.DecimalField(decimal_places=12, default=0, help_text='USD by which the total moved.', max_digits=28)),
            ],
            options={
                'verbose_name_plural': 'correction batches',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='LimitRaise',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField(help_text='Of the period that it is for.')),
                ('ends_at', models.DateTimeField()),
                ('amount', models.DecimalField(decimal_places=12, help_text="In the limit's unit, on top of its amount.", max_digits=28)),
                ('reason', models.CharField(max_length=500)),
                ('state', models.CharField(choices=[('open', 'Open'), ('approved', 'Approved'), ('denied', 'Denied'), ('withdrawn', 'Withdrawn')], default='open', max_length=9)),
                ('asked_at', models.DateTimeField(auto_now_add=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('self_approved', models.BooleanField(default=False)),
                ('note', models.CharField(blank=True, help_text='Of the person who decided.', max_length=500)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='costentry',
            name='cost_entry_correction_once',
        ),
        migrations.RemoveConstraint(
            model_name='dailyspend',
            name='daily_spend_once_per_group',
        ),
        migrations.RemoveConstraint(
            model_name='limit',
            name='limit_scope_is_one',
        ),
        migrations.RemoveConstraint(
            model_name='limit',
            name='limit_once_per_scope',
        ),
        migrations.AddField(
            model_name='costentry',
            name='billed_in',
            field=models.DateField(blank=True, help_text='First day of the month it is billed in, where that of its day was closed; else empty.', null=True),
        ),
        migrations.AddField(
            model_name='costentry',
            name='reverses',
            field=models.BooleanField(db_default=False, default=False, help_text='Takes back the entry that it corrects, tokens and all.'),
        ),
        migrations.AddField(
            model_name='dailyspend',
            name='period',
            field=models.DateField(null=True),
        ),
        migrations.RunSQL(
            "UPDATE metering_dailyspend SET period = date_trunc('month', day::timestamp)::date",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name='dailyspend',
            name='period',
            field=models.DateField(help_text='First day of the month it is billed in.'),
        ),
        migrations.AddField(
            model_name='limit',
            name='tag_name',
            field=models.CharField(blank=True, help_text='Only calls that carry this tag (x-tallygate-tags) ...', max_length=60),
        ),
        migrations.AddField(
            model_name='limit',
            name='tag_value',
            field=models.CharField(blank=True, help_text='... with this value.', max_length=200),
        ),
        migrations.AddField(
            model_name='limitwindow',
            name='raised',
            field=models.DecimalField(db_default=0, decimal_places=12, default=0, help_text="Added to the limit's amount for this period, by raises that were approved.", max_digits=28),
        ),
        migrations.AddConstraint(
            model_name='dailyspend',
            constraint=models.UniqueConstraint(fields=('day', 'team', 'api_key', 'model', 'route', 'period'), name='daily_spend_once_per_group'),
        ),
        migrations.AddConstraint(
            model_name='dailyspend',
            constraint=models.CheckConstraint(condition=models.Q(('period__day', 1)), name='daily_spend_period_begins_a_month'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('api_key__isnull', True), ('model__isnull', True)), models.Q(('api_key__isnull', True), ('tag_name', '')), models.Q(('model__isnull', True), ('tag_name', '')), _connector='OR'), name='limit_scope_is_one', violation_error_message='A limit is on a team, a key, a model or a tag: choose one.'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('tag_name', ''), ('tag_value', '')), models.Q(models.Q(('tag_name', ''), _negated=True), models.Q(('tag_value', ''), _negated=True)), _connector='OR'), name='limit_tag_is_whole', violation_error_message='A tag has a name and a value.'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.UniqueConstraint(fields=('team', 'api_key', 'model', 'tag_name', 'tag_value', 'unit', 'period', 'mode'), name='limit_once_per_scope', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='limitwindow',
            constraint=models.CheckConstraint(condition=models.Q(('raised__gte', 0)), name='limit_window_raised_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='billingperiod',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['open', 'closing', 'closed'])), name='billing_period_status_known'),
        ),
        migrations.AddConstraint(
            model_name='billingperiod',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='billing_period_begins_a_month'),
        ),
        migrations.AddConstraint(
            model_name='correctionbatch',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['re_rate', 'adjustment'])), name='correction_batch_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='correctionbatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', True), ('state', 'running')), models.Q(('done_at__isnull', False), ('state', 'done')), _connector='OR'), name='correction_batch_done_or_running'),
        ),
        migrations.AddConstraint(
            model_name='correctionbatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), models.Q(('author', ''), _negated=True)), name='correction_batch_says_who_and_why'),
        ),
        migrations.AddField(
            model_name='costentry',
            name='batch',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='metering.correctionbatch'),
        ),
        migrations.AddIndex(
            model_name='costentry',
            index=models.Index(condition=models.Q(('billed_in__isnull', False)), fields=['billed_in'], name='cost_entry_billed_later'),
        ),
        migrations.AddConstraint(
            model_name='costentry',
            constraint=models.UniqueConstraint(condition=models.Q(('batch__isnull', True), ('kind', 'correction')), fields=('corrects', 'note'), name='cost_entry_correction_once'),
        ),
        migrations.AddConstraint(
            model_name='costentry',
            constraint=models.UniqueConstraint(condition=models.Q(('batch__isnull', False)), fields=('batch', 'corrects', 'reverses'), name='cost_entry_once_per_batch'),
        ),
        migrations.AddConstraint(
            model_name='costentry',
            constraint=models.UniqueConstraint(condition=models.Q(('reverses', True)), fields=('corrects',), name='cost_entry_reversed_once'),
        ),
        migrations.AddConstraint(
            model_name='costentry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('batch__isnull', True), ('reverses', False)), models.Q(('batch__isnull', False), ('kind', 'correction')), _connector='OR'), name='cost_entry_batch_corrects'),
        ),
        migrations.AddConstraint(
            model_name='costentry',
            constraint=models.CheckConstraint(condition=models.Q(('billed_in__isnull', True), models.Q(('billed_in__day', 1), ('billed_in__gt', models.F('day'))), _connector='OR'), name='cost_entry_billed_after_its_month'),
        ),
        migrations.AddField(
            model_name='limitraise',
            name='asked_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='limitraise',
            name='decided_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='limitraise',
            name='limit',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='raises', to='metering.limit'),
        ),
        migrations.AddConstraint(
            model_name='limitraise',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='limit_raise_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='limitraise',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='limit_raise_period_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='limitraise',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='limit_raise_says_why'),
        ),
        migrations.AddConstraint(
            model_name='limitraise',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'approved', 'denied', 'withdrawn'])), name='limit_raise_state_known'),
        ),
        migrations.AddConstraint(
            model_name='limitraise',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='limit_raise_decided_or_open'),
        ),
        migrations.AddConstraint(
            model_name='limitraise',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'approved'), _negated=True), models.Q(('decided_by', models.F('asked_by')), _negated=True), ('self_approved', True), _connector='OR'), name='limit_raise_approved_by_another'),
        ),
    ]

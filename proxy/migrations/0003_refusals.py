"""Requests that were refused before any vendor was asked, counted by the minute."""

import datetime
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0005_reliability_policies'),
        ('proxy', '0002_roles'),
    ]

    operations = [
        migrations.CreateModel(
            name='RefusalBatch',
            fields=[
                ('worker', models.UUIDField(primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(help_text='Grows by one with every batch of the worker.')),
                ('at', models.DateTimeField(help_text='When it was added.')),
            ],
            options={
                'ordering': ['worker'],
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('number__gt', 0)), name='refusal_batch_number_positive')],
            },
        ),
        migrations.CreateModel(
            name='Refusal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('minute', models.DateTimeField(help_text='In which the requests came; its beginning.')),
                ('route', models.TextField(blank=True, help_text="The model's name as the caller gave it.")),
                ('code', models.TextField(help_text='What the caller was told.')),
                ('calls', models.BigIntegerField()),
                ('team', models.ForeignKey(blank=True, help_text='Empty: not known.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='refusals', to='catalog.team')),
            ],
            options={
                'ordering': ['minute', 'id'],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('minute', 'team', 'route', 'code'), name='refusal_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('minute', models.Func(models.Value(datetime.timedelta(seconds=60)), models.F('minute'), models.Value(datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), function='date_bin'))), name='refusal_minute_begins'), models.CheckConstraint(condition=models.Q(('calls__gt', 0)), name='refusal_calls_positive'), models.CheckConstraint(condition=models.Q(('code', ''), _negated=True), name='refusal_code_given')],
            },
        ),
    ]

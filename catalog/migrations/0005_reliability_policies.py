"""Reliability policies: further credentials, slow calls, health checks, retry budgets, bulkheads, leaving callers,
timeouts of a model, content filters and hedging of a route."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0004_provider_abilities'),
    ]

    operations = [
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Lower case; what logs and pages call it.', max_length=60)),
                ('api_key_env', models.CharField(blank=True, max_length=100, validators=[django.core.validators.RegexValidator('^[A-Z][A-Z0-9_]*_API_KEY$', 'Only capitals, digits and _, ending with _API_KEY, such as OPENAI_SECOND_API_KEY.')], verbose_name='environment variable')),
                ('api_key_encrypted', models.TextField(blank=True, editable=False, verbose_name='encrypted credential')),
                ('weight', models.PositiveIntegerField(default=1, help_text='Its share of calls, relative to the others.', validators=[django.core.validators.MinValueValidator(1)])),
                ('enabled', models.BooleanField(default=True)),
            ],
            options={
                'ordering': ['provider__name', 'name'],
            },
        ),
        migrations.AddField(
            model_name='languagemodel',
            name='first_byte_timeout',
            field=models.FloatField(blank=True, help_text="Seconds; empty: the provider's. Reasoning models need longer.", null=True),
        ),
        migrations.AddField(
            model_name='languagemodel',
            name='first_token_timeout',
            field=models.FloatField(blank=True, help_text="Seconds; empty: the provider's.", null=True),
        ),
        migrations.AddField(
            model_name='languagemodel',
            name='idle_timeout',
            field=models.FloatField(blank=True, help_text="Seconds; empty: the provider's.", null=True),
        ),
        migrations.AddField(
            model_name='languagemodel',
            name='total_timeout',
            field=models.FloatField(blank=True, help_text="Seconds; empty: the provider's.", null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='breaker_slow_rate',
            field=models.FloatField(db_default=0.5, default=0.5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)], verbose_name='slow-call rate'),
        ),
        migrations.AddField(
            model_name='provider',
            name='breaker_slow_seconds',
            field=models.FloatField(blank=True, help_text='Seconds to the first token; empty: never opens it.', null=True, verbose_name='slow call'),
        ),
        migrations.AddField(
            model_name='provider',
            name='drain_seconds',
            field=models.FloatField(db_default=10.0, default=10.0, help_text='Read on for this long at most after the caller left.'),
        ),
        migrations.AddField(
            model_name='provider',
            name='first_token_timeout',
            field=models.FloatField(blank=True, help_text="Seconds until a stream's first content, whatever the heartbeats; empty: no limit.", null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='health_check_interval',
            field=models.FloatField(blank=True, help_text="Seconds between active checks (the vendor's free list of models), e.g. 15; empty: none.", null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='max_in_flight',
            field=models.PositiveIntegerField(blank=True, help_text='Calls at once per worker; empty: no limit.', null=True),
        ),
        migrations.AddField(
            model_name='provider',
            name='on_leave',
            field=models.CharField(choices=[('drain', 'Read on for the usage at the end (exact)'), ('cancel', 'Cut at once (estimated)')], db_default='drain', default='drain', max_length=6, verbose_name='when the caller leaves'),
        ),
        migrations.AddField(
            model_name='provider',
            name='queue_seconds',
            field=models.FloatField(db_default=0.0, default=0.0, help_text='How long a call waits for room when all are taken; 0: the next target at once.'),
        ),
        migrations.AddField(
            model_name='provider',
            name='retry_budget',
            field=models.FloatField(db_default=0.2, default=0.2, help_text='Retries as a share of calls, so that no outage is amplified; a few always pass.', validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)]),
        ),
        migrations.AddField(
            model_name='route',
            name='hedge_after',
            field=models.FloatField(blank=True, help_text='Seconds after which a plain call also goes to the next target; the first good answer wins, both are billed. Empty: never.', null=True),
        ),
        migrations.AddField(
            model_name='route',
            name='on_content_filter',
            field=models.CharField(choices=[('answer', 'Answer the caller with the refusal'), ('next', 'Try the next target')], db_default='answer', default='answer', help_text='What to do when a vendor refuses a request for its content.', max_length=6),
        ),
        migrations.AlterField(
            model_name='provider',
            name='slow_p99',
            field=models.FloatField(default=3.0, help_text="Seconds to a stream's first token; a region slower than this is drained ..."),
        ),
        migrations.AddConstraint(
            model_name='languagemodel',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('first_byte_timeout__isnull', True), models.Q(("first_byte_timeout__gt", 0), ("first_byte_timeout__lte", 86400.0)), _connector='OR'), models.Q(('first_token_timeout__isnull', True), models.Q(("first_token_timeout__gt", 0), ("first_token_timeout__lte", 86400.0)), _connector='OR'), models.Q(('idle_timeout__isnull', True), models.Q(("idle_timeout__gt", 0), ("idle_timeout__lte", 86400.0)), _connector='OR'), models.Q(('total_timeout__isnull', True), models.Q(("total_timeout__gt", 0), ("total_timeout__lte", 86400.0)), _connector='OR')), name='model_timeouts_positive'),
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('breaker_slow_seconds__isnull', True), models.Q(("breaker_slow_seconds__gt", 0), ("breaker_slow_seconds__lte", 86400.0)), _connector='OR'), ('breaker_slow_rate__gt', 0), ('breaker_slow_rate__lte', 1), models.Q(('health_check_interval__isnull', True), models.Q(("health_check_interval__gte", 1), ("health_check_interval__lte", 86400.0)), _connector='OR'), models.Q(('first_token_timeout__isnull', True), models.Q(("first_token_timeout__gt", 0), ("first_token_timeout__lte", 86400.0)), _connector='OR'), ('retry_budget__gte', 0), ('retry_budget__lte', 1), models.Q(('max_in_flight__isnull', True), ('max_in_flight__gte', 1), _connector='OR'), ('queue_seconds__gte', 0), ('queue_seconds__lte', 60), ('drain_seconds__gte', 0), ('drain_seconds__lte', 600)), name='provider_patience_in_range'),
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.CheckConstraint(condition=models.Q(('on_leave__in', ['drain', 'cancel'])), name='provider_on_leave_known'),
        ),
        migrations.AddConstraint(
            model_name='route',
            constraint=models.CheckConstraint(condition=models.Q(('on_content_filter__in', ['answer', 'next'])), name='route_on_content_filter_known'),
        ),
        migrations.AddConstraint(
            model_name='route',
            constraint=models.CheckConstraint(condition=models.Q(('hedge_after__isnull', True), models.Q(("hedge_after__gt", 0), ("hedge_after__lte", 600)), _connector='OR'), name='route_hedge_positive'),
        ),
        migrations.AddField(
            model_name='credential',
            name='provider',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credentials', to='catalog.provider'),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.UniqueConstraint(fields=('provider', 'name'), name='credential_unique_per_provider'),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.CheckConstraint(condition=models.Q(('name__regex', '^[a-z0-9][a-z0-9._-]*$'), models.Q(('name', 'default'), _negated=True)), name='credential_name_is_slug'),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.CheckConstraint(condition=models.Q(('api_key_env', ''), ('api_key_env__regex', '^[A-Z][A-Z0-9_]*_API_KEY$'), _connector='OR'), name='credential_variable_is_a_key', violation_error_message="The credential's environment variable ends with _API_KEY."),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.CheckConstraint(condition=models.Q(('weight__gte', 1)), name='credential_weight_positive'),
        ),
        migrations.RunSQL(
            "CREATE TRIGGER catalog_credential_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON"
            " catalog_credential FOR EACH STATEMENT EXECUTE FUNCTION catalog_announce()",
            "DROP TRIGGER catalog_credential_announced ON catalog_credential",
        ),
    ]

"""The price book: drafts that another person approves, marginal tiers, list prices, and when a feed was last read.

Note [Drafts are kept]
----------------------
What a draft says never changes: who approves it approves what they saw. A feed that has newer rates withdraws its
open draft and makes another. A draft is decided once. Only the references to rows of prices may lose what they
refer to (a planned price that is called off is deleted).
"""

import django.db.models.deletion
from django.db import migrations, models

# True when every argument is an object of known rates with decimal strings of at most 6 decimals, or null (unknown).
WELL_FORMED = r"""
CREATE FUNCTION catalog_rates_well_formed(VARIADIC given jsonb[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT coalesce(bool_and(CASE
            WHEN jsonb_typeof(rates) <> 'object' THEN false
            ELSE NOT EXISTS (
                SELECT 1 FROM jsonb_each(rates) AS rate
                WHERE rate.key <> ALL (ARRAY['input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h',
                                             'reasoning', 'audio_input', 'audio_output', 'per_request'])
                    OR jsonb_typeof(rate.value) NOT IN ('string', 'null')
                    OR jsonb_typeof(rate.value) = 'string'
                        AND rate.value #>> '{}' !~ '^[0-9]{1,12}([.][0-9]{1,6})?$'
            )
        END), true)
        FROM unnest(given) AS rates
    $$;
"""
WELL_FORMED_REVERSE = "DROP FUNCTION catalog_rates_well_formed(jsonb[]);"

# Until now all were made by feeds; the ones that feeds closed themselves were not dismissed by anybody.
MADE_BY = """
UPDATE catalog_priceproposal SET
    made_by = source,
    from_feed = true,
    state = CASE WHEN decided_by LIKE 'sync_prices: %' THEN 'withdrawn' ELSE state END;
UPDATE catalog_priceproposal SET decided_by = 'unknown', decided_at = coalesce(decided_at, created_at)
WHERE state <> 'open' AND (decided_by = '' OR decided_at IS NULL);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""
MADE_BY_REVERSE = "UPDATE catalog_priceproposal SET state = 'dismissed' WHERE state = 'withdrawn';"

# See Note [Drafts are kept].
KEPT = """
CREATE FUNCTION catalog_draft_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decision text[] := ARRAY['state', 'decided_by', 'decided_at', 'self_approved'];
    links text[] := ARRAY['current_id', 'price_id'];
BEGIN
    IF to_jsonb(NEW) - decision - links IS DISTINCT FROM to_jsonb(OLD) - decision - links
        OR NEW.current_id IS DISTINCT FROM OLD.current_id AND NEW.current_id IS NOT NULL
    THEN
        RAISE EXCEPTION 'what draft % says cannot be changed', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_proposal_kept',
                  HINT = 'Withdraw it and make another.';
    END IF;
    IF OLD.state <> 'open' AND (
        to_jsonb(NEW) - links IS DISTINCT FROM to_jsonb(OLD) - links
        OR NEW.price_id IS DISTINCT FROM OLD.price_id AND NEW.price_id IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'draft % was decided before', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_proposal_decided_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER price_proposal_kept BEFORE UPDATE ON catalog_priceproposal
    FOR EACH ROW EXECUTE FUNCTION catalog_draft_is_kept();
"""
KEPT_REVERSE = """
DROP TRIGGER price_proposal_kept ON catalog_priceproposal;
DROP FUNCTION catalog_draft_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_reliability_policies")]

    operations = [
        migrations.RunSQL(WELL_FORMED, WELL_FORMED_REVERSE),
        migrations.CreateModel(
            name='PriceFeed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True)),
                ('source', models.CharField(help_text='With its version.', max_length=200)),
                ('succeeded_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['name'],
                'default_permissions': (),
            },
        ),
        migrations.AlterModelOptions(
            name='priceproposal',
            options={'ordering': ['state', 'model', 'variant', 'above_input_tokens'], 'permissions': [('approve_priceproposal', 'Can approve price draft')], 'verbose_name': 'price draft'},
        ),
        migrations.RemoveConstraint(
            model_name='priceproposal',
            name='price_proposal_state_known',
        ),
        migrations.RemoveConstraint(
            model_name='priceproposal',
            name='price_proposal_one_open_each',
        ),
        migrations.AddField(
            model_name='price',
            name='list_rates',
            field=models.JSONField(blank=True, db_default={}, default=dict, help_text="The vendor's list price where it differs from what is paid: rate name to decimal string."),
        ),
        migrations.AddField(
            model_name='price',
            name='tier',
            field=models.CharField(choices=[('whole', 'the whole request'), ('marginal', 'only the input tokens above the threshold')], db_default='whole', default='whole', help_text='Above a threshold: the price of the whole request, or of the input tokens above it alone (output and fees then stay at the row below).', max_length=8),
        ),
        migrations.AddField(
            model_name='priceproposal',
            name='from_feed',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='priceproposal',
            name='list_rates',
            field=models.JSONField(blank=True, db_default={}, default=dict, help_text="The vendor's list price where it differs from what is paid: rate name to decimal string."),
        ),
        migrations.AddField(
            model_name='priceproposal',
            name='made_by',
            field=models.CharField(default='', help_text="A user's name; for a feed its source.", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='priceproposal',
            name='note',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='priceproposal',
            name='price',
            field=models.ForeignKey(blank=True, help_text='What began when it was accepted.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='proposals', to='catalog.price'),
        ),
        migrations.AddField(
            model_name='priceproposal',
            name='self_approved',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='priceproposal',
            name='tier',
            field=models.CharField(choices=[('whole', 'the whole request'), ('marginal', 'only the input tokens above the threshold')], db_default='whole', default='whole', max_length=8),
        ),
        migrations.AlterField(
            model_name='priceproposal',
            name='above_input_tokens',
            field=models.PositiveIntegerField(default=0, help_text='Holds for requests with MORE input tokens than this (cached ones included).'),
        ),
        migrations.AlterField(
            model_name='priceproposal',
            name='current',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.price'),
        ),
        migrations.AlterField(
            model_name='priceproposal',
            name='daily_from',
            field=models.TimeField(blank=True, help_text='UTC; only at these hours (peak pricing).', null=True),
        ),
        migrations.AlterField(
            model_name='priceproposal',
            name='daily_to',
            field=models.TimeField(blank=True, help_text='UTC; may be before daily_from (past midnight).', null=True),
        ),
        migrations.AlterField(
            model_name='priceproposal',
            name='effective_from',
            field=models.DateTimeField(help_text='When it begins; where that has passed when it is accepted, it begins then.'),
        ),
        migrations.AlterField(
            model_name='priceproposal',
            name='state',
            field=models.CharField(choices=[('open', 'Open'), ('accepted', 'Accepted'), ('dismissed', 'Dismissed'), ('withdrawn', 'withdrawn by who made it, or overtaken')], default='open', max_length=10),
        ),
        migrations.RunSQL(MADE_BY, MADE_BY_REVERSE),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('tier__in', ['whole', 'marginal'])), name='price_tier_known'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('tier', 'marginal'), _negated=True), models.Q(('above_input_tokens__gt', 0), ('audio_output__isnull', True), ('input__isnull', False), ('output__isnull', True), ('per_request__isnull', True), ('reasoning__isnull', True)), _connector='OR'), name='price_marginal_is_of_input', violation_error_message='A marginal price has a threshold and rates of input alone: output and fees stay at the price below.'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Func('list_rates', function='catalog_rates_well_formed', output_field=models.BooleanField()), name='price_list_rates_well_formed'),
        ),
        migrations.AddConstraint(
            model_name='priceproposal',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'accepted', 'dismissed', 'withdrawn'])), name='price_proposal_state_known'),
        ),
        migrations.AddConstraint(
            model_name='priceproposal',
            constraint=models.CheckConstraint(condition=models.Q(('made_by', ''), _negated=True), name='price_proposal_says_who'),
        ),
        migrations.AddConstraint(
            model_name='priceproposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by', ''), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), models.Q(('decided_by', ''), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='price_proposal_decided_or_open'),
        ),
        migrations.AddConstraint(
            model_name='priceproposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'accepted'), _negated=True), ('from_feed', True), models.Q(('decided_by', models.F('made_by')), _negated=True), ('self_approved', True), _connector='OR'), name='price_proposal_approved_by_another'),
        ),
        migrations.AddConstraint(
            model_name='priceproposal',
            constraint=models.CheckConstraint(condition=models.Func('rates', 'list_rates', function='catalog_rates_well_formed', output_field=models.BooleanField()), name='price_proposal_rates_well_formed'),
        ),
        migrations.AddConstraint(
            model_name='priceproposal',
            constraint=models.UniqueConstraint(condition=models.Q(('from_feed', True), ('state', 'open')), fields=('model', 'variant', 'above_input_tokens', 'daily_from', 'daily_to', 'weekdays'), name='price_proposal_one_open_each', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='priceproposal',
            constraint=models.UniqueConstraint(condition=models.Q(('from_feed', False), ('state', 'open')), fields=('model', 'variant', 'above_input_tokens', 'daily_from', 'daily_to', 'weekdays', 'made_by', 'effective_from'), name='price_proposal_drafted_once', nulls_distinct=False, violation_error_message='You have drafted a price for this from the same moment already.'),
        ),
        migrations.RunSQL(KEPT, KEPT_REVERSE),
    ]

"""The ledger added up for the pages, some seconds after it is written: docs/decisions/0033.

Note [What is settled]: settlements hold the advisory lock 814001 shared while they write. Whoever holds it exclusively
for a moment sees every entry up to the greatest id, and none below it comes later. The moment is looked for without
waiting (nobody stands in line behind it), then waited for, a twentieth of a second at most.

Note [By rate or unsplit]: what is exactly tokens x the rates of the entry's price row is split by token type; vendors'
own figures, adjustments and marginal tiers are not.
"""

import django.db.models.deletion
from django.db import migrations, models

BUCKETS = (
    *("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning"),
    *("audio_input", "audio_output", "requests"),
)
PART_OF = {"cache_read": "input", "cache_write_5m": "input", "reasoning": "output"}
PINNED = "LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp"


def _rate(bucket: str) -> str:
    if bucket == "requests":
        return "p.per_request"
    rate = f"coalesce(p.{bucket}, p.{PART_OF[bucket]})" if bucket in PART_OF else f"p.{bucket}"
    return f"{rate} * 0.000001"  # exact, where / 1000000 need not be


def _usd(bucket: str) -> str:
    return f"CASE WHEN coalesce(e.{bucket}, 0) = 0 THEN 0 ELSE e.{bucket} * {_rate(bucket)} END"


def _added(table: str, names: list[str]) -> str:
    return ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in names)


TOKENS = " + ".join(f"coalesce(e.{bucket}, 0)" for bucket in BUCKETS if bucket != "requests")
ADDED = "e.id > first AND e.id <= last"
CALLS = "count(*) FILTER (WHERE e.attempt = 1 AND e.part = 0 AND e.kind <> 'correction')"
ATTEMPTS = "count(*) FILTER (WHERE e.kind = 'attempt')"
USAGE_SUMS = ["calls", "attempts", "answers", "unpriced", *BUCKETS, *(f"usd_{b}" for b in BUCKETS), "usd_unsplit", "cost"]

USAGE = f"""
    INSERT INTO metering_dailyusage (day, team_id, api_key_id, model_id, route, price_id, {", ".join(USAGE_SUMS)})
    SELECT e.day, e.team_id, e.api_key_id, e.model_id, e.route,
        CASE WHEN x.by_rate OR p.tier = 'marginal' AND e.cost_reason <> 'reported' THEN e.price_id END,
        {CALLS}, {ATTEMPTS},
        count(*) FILTER (WHERE e.outcome = 'ok' AND e.kind = 'attempt' AND e.part = 0),
        count(*) FILTER (WHERE e.cost IS NULL AND e.kind <> 'correction'),
        {", ".join(f"coalesce(sum(e.{b}), 0)" for b in BUCKETS)},
        {", ".join(f"coalesce(sum({_usd(b)}) FILTER (WHERE x.by_rate), 0)" for b in BUCKETS)},
        coalesce(sum(e.cost) FILTER (WHERE NOT x.by_rate), 0), coalesce(sum(e.cost), 0)
    FROM metering_costentry e LEFT JOIN catalog_price p ON p.id = e.price_id
    CROSS JOIN LATERAL (SELECT e.cost_reason <> 'reported' AND p.tier IS DISTINCT FROM 'marginal'
        AND coalesce(e.cost = {" + ".join(_usd(b) for b in BUCKETS)}, false) AS by_rate) x
    WHERE {ADDED} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (day, team_id, api_key_id, model_id, route, price_id) DO UPDATE
    SET {_added("metering_dailyusage", USAGE_SUMS)};
"""
HOURS = f"""
    INSERT INTO metering_hourlyspend (hour, team_id, api_key_id, model_id, calls, attempts, failed, tokens, cost)
    SELECT date_trunc('hour', e.started_at, 'UTC'), e.team_id, e.api_key_id, e.model_id, {CALLS}, {ATTEMPTS},
        count(*) FILTER (WHERE e.outcome IN ('error', 'cut', 'lost') AND e.kind <> 'correction'),
        sum({TOKENS}), coalesce(sum(e.cost), 0)
    FROM metering_costentry e WHERE {ADDED} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (hour, team_id, api_key_id, model_id) DO UPDATE
    SET {_added("metering_hourlyspend", ["calls", "attempts", "failed", "tokens", "cost"])};
"""
TAGS = f"""
    INSERT INTO metering_dailytagspend
        (day, team_id, name, value, api_key_id, model_id, route, calls, attempts, tokens, cost)
    SELECT e.day, e.team_id, t.key, t.value, e.api_key_id, e.model_id, e.route, {CALLS}, {ATTEMPTS},
        sum({TOKENS}), coalesce(sum(e.cost), 0)
    FROM metering_costentry e CROSS JOIN LATERAL jsonb_each_text(e.tags) t
    WHERE {ADDED} AND e.tags <> '{{}}'::jsonb
    GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (day, team_id, name, value, api_key_id, model_id, route) DO UPDATE
    SET {_added("metering_dailytagspend", ["calls", "attempts", "tokens", "cost"])};
"""
SIZES = f"""
    INSERT INTO metering_answersizes (day, team_id, model_id, bin, answers, output, reasoning, largest)
    SELECT e.day, e.team_id, e.model_id, metering_size_bin(e.output + e.reasoning), count(*),
        sum(e.output), sum(e.reasoning), max(e.output + e.reasoning)
    FROM metering_costentry e
    WHERE {ADDED} AND e.kind = 'attempt' AND e.part = 0 AND e.outcome = 'ok' AND e.usage_source <> 'unknown'
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (day, team_id, model_id, bin) DO UPDATE
    SET {_added("metering_answersizes", ["answers", "output", "reasoning"])},
        largest = greatest(metering_answersizes.largest, EXCLUDED.largest);
"""
DEAREST = f"""
    WITH touched AS (
        INSERT INTO metering_dearentry (entry_id, day, team_id, api_key_id, model_id, cost)
        SELECT id, day, team_id, api_key_id, model_id, cost FROM (
            SELECT e.id, e.day, e.team_id, e.api_key_id, e.model_id, e.cost, row_number()
                OVER (PARTITION BY e.day, e.team_id, e.model_id ORDER BY e.cost DESC, e.id) AS place
            FROM metering_costentry e WHERE {ADDED} AND e.kind = 'attempt' AND e.cost > 0
        ) ranked WHERE place <= 20 RETURNING day, team_id, model_id
    ) SELECT array_agg(DISTINCT day) INTO days FROM touched;
    DELETE FROM metering_dearentry WHERE day = ANY(days) AND entry_id IN (
        SELECT entry_id FROM (SELECT d.entry_id, row_number()
            OVER (PARTITION BY d.day, d.team_id, d.model_id ORDER BY d.cost DESC, d.entry_id) AS place
            FROM metering_dearentry d WHERE d.day = ANY(days)) ranked WHERE place > 20);
"""

SETTLED = f"""
-- Exact below 16 tokens, then 8 bins to each doubling; metering.summaries.sizes says what a bin holds.
CREATE FUNCTION metering_size_bin(tokens bigint) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN tokens < 16 THEN tokens
        ELSE 16 + (o - 4) * 8 + (tokens >> (o - 3)) - 8 END::smallint
    FROM (SELECT 64 - strpos(tokens::bit(64)::text, '1') AS o) x
$$;

-- The id up to which the ledger is complete; null when that could not be told at this moment.
CREATE FUNCTION metering_settled_to() RETURNS bigint {PINNED} SET lock_timeout = '50ms' AS $$
DECLARE
    settled bigint;
    tried integer := 0;
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(814001) LOOP  -- see Note [What is settled]
        tried := tried + 1;
        IF tried > 50 THEN
            PERFORM pg_advisory_xact_lock(814001);
            EXIT;
        END IF;
        PERFORM pg_sleep(0.001);
    END LOOP;
    SELECT coalesce(max(id), 0) INTO settled FROM metering_costentry;
    RAISE EXCEPTION 'seen' USING ERRCODE = 'TG001';  -- the lock goes with the block, whatever ends it
EXCEPTION
    WHEN SQLSTATE 'TG001' THEN
        RETURN settled;
    WHEN lock_not_available THEN
        RETURN NULL;
END $$;

-- Adds at most so many more entries to the summaries. behind: there may be more, or somebody else is at it.
CREATE FUNCTION metering_summarise(most integer, OUT summed integer, OUT behind boolean) {PINNED} AS $$
DECLARE
    first bigint;
    last bigint;
    settled bigint;
    days date[];
BEGIN
    summed := 0;
    behind := true;
    INSERT INTO metering_summarymark (id, entry, summed_at) VALUES (1, 0, now()) ON CONFLICT DO NOTHING;
    SELECT entry INTO first FROM metering_summarymark WHERE id = 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    settled := metering_settled_to();
    IF settled IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*), max(id) INTO summed, last FROM (
        SELECT id FROM metering_costentry WHERE id > first AND id <= settled ORDER BY id LIMIT most) added;
    behind := summed = most;
    IF summed > 0 THEN
{USAGE}{HOURS}{TAGS}{SIZES}{DEAREST}
    END IF;
    UPDATE metering_summarymark SET entry = coalesce(last, first), summed_at = clock_timestamp() WHERE id = 1;
END $$;

-- Takes the lock before an entry written by hand gets its id: see Note [What is settled].
CREATE OR REPLACE FUNCTION metering_sees_the_present() RETURNS trigger {PINNED} AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'entries are booked in READ COMMITTED: others do not see which months are closed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'cost_entry_sees_the_present';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(814001);
    RETURN NULL;
END $$;
"""
SETTLED_REVERSE = """
DROP FUNCTION metering_summarise(integer);
DROP FUNCTION metering_settled_to();
DROP FUNCTION metering_size_bin(bigint);
"""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0007_drafts_stay'),
        ('metering', '0018_papers_of_closings'),
    ]

    operations = [
        migrations.CreateModel(
            name='SummaryMark',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('entry', models.BigIntegerField(default=0)),
                ('summed_at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='summary_mark_is_one')],
            },
        ),
        migrations.CreateModel(
            name='AnswerSizes',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('bin', models.PositiveSmallIntegerField()),
                ('answers', models.BigIntegerField(db_default=0, default=0)),
                ('output', models.BigIntegerField(db_default=0, default=0, help_text='Visible tokens of them.')),
                ('reasoning', models.BigIntegerField(db_default=0, default=0)),
                ('largest', models.BigIntegerField(help_text='Output tokens of the longest of them.')),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'verbose_name_plural': 'answer sizes',
                'default_permissions': (),
                'ordering': ['-day', 'team', 'model', 'bin'],
                'constraints': [models.UniqueConstraint(fields=('day', 'team', 'model', 'bin'), name='answer_sizes_once_per_bin'), models.CheckConstraint(condition=models.Q(('answers__gte', 1), ('bin__gte', 0), ('largest__gte', 0), ('output__gte', 0), ('reasoning__gte', 0)), name='answer_sizes_known')],
            },
        ),
        migrations.CreateModel(
            name='DailyTagSpend',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('name', models.CharField(max_length=200)),
                ('value', models.CharField(max_length=200)),
                ('route', models.CharField(max_length=200)),
                ('calls', models.BigIntegerField(db_default=0, default=0)),
                ('attempts', models.BigIntegerField(db_default=0, default=0)),
                ('tokens', models.BigIntegerField(db_default=0, default=0, help_text='Of all types.')),
                ('cost', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.apikey')),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'verbose_name_plural': 'daily tag spend',
                'default_permissions': (),
                'ordering': ['-day', 'team', 'name', 'value'],
                'constraints': [models.UniqueConstraint(fields=('day', 'team', 'name', 'value', 'api_key', 'model', 'route'), name='daily_tag_spend_once_per_group')],
            },
        ),
        migrations.CreateModel(
            name='DailyUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('route', models.CharField(max_length=200)),
                ('calls', models.BigIntegerField(db_default=0, default=0)),
                ('attempts', models.BigIntegerField(db_default=0, default=0)),
                ('answers', models.BigIntegerField(db_default=0, default=0)),
                ('unpriced', models.BigIntegerField(db_default=0, default=0, help_text='Entries booked without a known cost, corrected since or not.')),
                ('input', models.BigIntegerField(db_default=0, default=0)),
                ('cache_read', models.BigIntegerField(db_default=0, default=0)),
                ('cache_write_5m', models.BigIntegerField(db_default=0, default=0)),
                ('cache_write_1h', models.BigIntegerField(db_default=0, default=0)),
                ('output', models.BigIntegerField(db_default=0, default=0)),
                ('reasoning', models.BigIntegerField(db_default=0, default=0)),
                ('audio_input', models.BigIntegerField(db_default=0, default=0)),
                ('audio_output', models.BigIntegerField(db_default=0, default=0)),
                ('requests', models.BigIntegerField(db_default=0, default=0)),
                ('usd_input', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_cache_read', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_cache_write_5m', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_cache_write_1h', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_output', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_reasoning', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_audio_input', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_audio_output', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_requests', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('usd_unsplit', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('cost', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.apikey')),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('price', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.price')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'verbose_name_plural': 'daily usage',
                'default_permissions': (),
                'ordering': ['-day', 'team'],
                'constraints': [models.UniqueConstraint(fields=('day', 'team', 'api_key', 'model', 'route', 'price'), name='daily_usage_once_per_group', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('cost', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('usd_unsplit'), '+', models.F('usd_input')), '+', models.F('usd_cache_read')), '+', models.F('usd_cache_write_5m')), '+', models.F('usd_cache_write_1h')), '+', models.F('usd_output')), '+', models.F('usd_reasoning')), '+', models.F('usd_audio_input')), '+', models.F('usd_audio_output')), '+', models.F('usd_requests')))), name='daily_usage_parts_are_the_cost')],
            },
        ),
        migrations.CreateModel(
            name='DearEntry',
            fields=[
                ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='metering.costentry')),
                ('day', models.DateField()),
                ('cost', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.apikey')),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'verbose_name_plural': 'dearest entries',
                'default_permissions': (),
                'ordering': ['-cost', 'entry'],
                'indexes': [models.Index(fields=['day', 'team', 'model', '-cost'], name='dear_entry_day')],
            },
        ),
        migrations.CreateModel(
            name='HourlySpend',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField()),
                ('calls', models.BigIntegerField(db_default=0, default=0)),
                ('attempts', models.BigIntegerField(db_default=0, default=0)),
                ('failed', models.BigIntegerField(db_default=0, default=0)),
                ('tokens', models.BigIntegerField(db_default=0, default=0, help_text='Of all types.')),
                ('cost', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.apikey')),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'verbose_name_plural': 'hourly spend',
                'default_permissions': (),
                'ordering': ['-hour', 'team'],
                'constraints': [models.UniqueConstraint(fields=('hour', 'team', 'api_key', 'model'), name='hourly_spend_once_per_group')],
            },
        ),
        migrations.RunSQL(SETTLED, SETTLED_REVERSE),
    ]

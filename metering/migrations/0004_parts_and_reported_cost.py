"""Entries have parts, and keep what the vendor says it charged.

``part`` 0 is what the called model used. When the vendor let another model work on the same answer, that model's
share is a row of its own (part 1 and up) with its own price: it counts as an attempt on its model, but is no call of
its own and has no hold. Whoever settles it again is told 'duplicate', as for any entry.

The functions are those of 0002 with these two columns; nothing else about them changed.
"""

import importlib

from django.db import migrations, models

_BEFORE = importlib.import_module("metering.migrations.0002_ledger_rules")


def _again(function):
    """A function of 0002 as it was."""
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


OPEN_WINDOW = """
CREATE OR REPLACE FUNCTION metering_open_window(the_limit bigint, begins timestamptz, ends timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    SELECT id INTO found_id FROM metering_limitwindow WHERE limit_id = the_limit AND starts_at = begins;
    IF found_id IS NOT NULL THEN
        RETURN found_id;
    END IF;
    PERFORM pg_advisory_xact_lock(814001);  -- see Note [Opening a window]
    INSERT INTO metering_limitwindow (limit_id, starts_at, ends_at, held, spent, exposed)
    SELECT l.id, begins, ends, 0,
        CASE l.unit WHEN 'usd' THEN coalesce(sum(e.cost), 0)
            WHEN 'tokens' THEN coalesce(sum(e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.output
                + e.reasoning + e.audio_input + e.audio_output), 0)
            ELSE count(*) FILTER (WHERE e.attempt = 1 AND e.part = 0 AND e.kind <> 'correction') END,
        CASE l.unit WHEN 'usd' THEN coalesce(sum(e.exposure), 0)
            WHEN 'tokens' THEN coalesce(sum(e.exposure_tokens), 0)
            ELSE 0 END
    FROM metering_limit l
    LEFT JOIN metering_costentry e ON e.team_id = l.team_id
        AND (l.api_key_id IS NULL OR l.api_key_id = e.api_key_id)
        AND (l.model_id IS NULL OR l.model_id = e.model_id)
        AND e.started_at >= begins AND e.started_at < ends
    WHERE l.id = the_limit
    GROUP BY l.id, l.unit
    ON CONFLICT (limit_id, starts_at) DO NOTHING;
    SELECT id INTO found_id FROM metering_limitwindow WHERE limit_id = the_limit AND starts_at = begins;
    RETURN found_id;
END $$;
"""

JUDGE = """
-- What becomes of entries that may be booked already, or that correct others: see metering_settle. The columns of
-- ``entries`` say what is to be written; an exposure there is the difference that the entry makes.
CREATE OR REPLACE FUNCTION metering_judge(given metering_costentry[])
RETURNS TABLE (entries metering_costentry[], states text[], solved int[], solved_unbounded int[])
LANGUAGE plpgsql AS $$
DECLARE
    e metering_costentry;
    booked metering_costentry;
    target metering_costentry;
    ends_unknown boolean;
    ended bigint[] := '{}';  -- entries whose unknown cost this very batch ends
BEGIN
    PERFORM 1 FROM metering_costentry t JOIN unnest(given) g
        ON t.request_id = g.request_id AND t.attempt = g.attempt AND t.kind <> 'correction'
    ORDER BY t.id FOR NO KEY UPDATE OF t;  -- see Note [One verdict for one call]
    entries := '{}'; states := '{}'; solved := '{}'; solved_unbounded := '{}';

    FOREACH e IN ARRAY given LOOP
        IF e.kind = 'release' THEN
            states := states || 'released'::text;
            CONTINUE;
        END IF;
        IF e.kind = 'correction' THEN
            states := states || 'booked'::text;
        ELSE
            SELECT * INTO booked FROM metering_costentry t
            WHERE t.request_id = e.request_id AND t.attempt = e.attempt AND t.part = coalesce(e.part, 0)
                AND t.kind <> 'correction';
            IF booked.id IS NULL THEN
                states := states || 'booked'::text;
            ELSIF booked.cost_reason = 'lost' AND e.cost_reason <> 'lost'
                AND NOT EXISTS (SELECT 1 FROM metering_costentry c WHERE c.corrects_id = booked.id)
            THEN
                states := states || 'late'::text;
                e.kind := 'correction';
                e.corrects_id := booked.id;
                e.exposure := coalesce(e.exposure, 0) - coalesce(booked.exposure, 0);
                e.exposure_tokens := coalesce(e.exposure_tokens, 0) - coalesce(booked.exposure_tokens, 0);
                e.note := 'settled after the sweep';
            ELSE
                states := states || 'duplicate'::text;
                CONTINUE;
            END IF;
        END IF;

        ends_unknown := false;
        IF e.kind = 'correction' AND e.cost IS NOT NULL THEN
            SELECT * INTO target FROM metering_costentry t WHERE t.id = e.corrects_id;
            ends_unknown := target.cost IS NULL AND target.id <> ALL (ended) AND NOT EXISTS (
                SELECT 1 FROM metering_costentry c WHERE c.corrects_id = target.id AND c.cost IS NOT NULL);
        END IF;
        IF ends_unknown THEN
            ended := ended || target.id;
        END IF;
        entries := entries || e;
        solved := solved || ends_unknown::int;
        solved_unbounded := solved_unbounded || (ends_unknown AND target.exposure IS NULL)::int;
    END LOOP;
    RETURN NEXT;
END $$;
"""

SETTLE = """
-- Books a batch: releases its holds, writes the cost entries, adds to windows and daily rows. An element has the
-- columns of metering_costentry (but id and booked_at); kind 'release' frees a hold whose call never left.
-- Safe to repeat: an entry that is booked already is left alone ('duplicate'). An answer that arrives after the
-- sweeper booked its hold as lost becomes a correction of that entry ('late').
CREATE OR REPLACE FUNCTION metering_settle(batch jsonb) RETURNS TABLE (ordinal int, state text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    given metering_costentry[];
    entries metering_costentry[];  -- those of ``given`` that are to be written
    states text[];
    solved int[];  -- for each of ``entries``: 1 when it is the correction that ends an unknown cost
    solved_unbounded int[];  -- ... of an entry that stated no exposure
    plain boolean;
    holds int;
    freed_windows bigint[];
    freed_amounts numeric[];
BEGIN
    SELECT coalesce(array_agg(e ORDER BY n), '{}'), bool_and(e.kind = 'attempt') INTO given, plain
    FROM jsonb_array_elements(batch) WITH ORDINALITY AS b(item, n),
        jsonb_populate_record(NULL::metering_costentry, item) AS e;

    PERFORM pg_advisory_xact_lock_shared(814001);  -- see Note [Opening a window]
    PERFORM 1 FROM unnest(given) e
    JOIN metering_limit l ON l.team_id = e.team_id
        AND (l.api_key_id IS NULL OR l.api_key_id = e.api_key_id)
        AND (l.model_id IS NULL OR l.model_id = e.model_id)
    JOIN metering_limitwindow w ON w.limit_id = l.id AND w.starts_at <= e.started_at AND e.started_at < w.ends_at
    ORDER BY w.id FOR UPDATE OF w;  -- see Note [Lock order]; a hold's windows are among these
    WITH locked AS (
        SELECT h.id FROM metering_hold h JOIN unnest(given) e
            ON h.request_id = e.request_id AND h.attempt = e.attempt
        ORDER BY h.id FOR UPDATE OF h  -- see Note [One verdict for one call]
    ), freed AS (
        DELETE FROM metering_hold h USING locked WHERE h.id = locked.id
        RETURNING h.window_ids, h.window_amounts
    )
    SELECT (SELECT count(*) FROM freed), array_agg(x.id), array_agg(x.amount)
    INTO holds, freed_windows, freed_amounts
    FROM freed f, unnest(f.window_ids, f.window_amounts) AS x(id, amount);

    IF plain AND holds = cardinality(given) THEN
        entries := given;  -- what has its hold is not booked yet
    ELSE
        SELECT j.entries, j.states, j.solved, j.solved_unbounded
        INTO entries, states, solved, solved_unbounded
        FROM metering_judge(given) j;
    END IF;

    INSERT INTO metering_costentry (request_id, attempt, part, kind, corrects_id, team_id, api_key_id, model_id, route,
        price_id, variant, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input,
        audio_output, requests, usage_source, raw_usage, flags, cost, cost_reason,
        reported_cost, exposure, exposure_tokens, held, overrun, outcome, status, error_class, error_message, finish_reason, streamed, served_model,
        upstream_id, client_request_id, tags, note, started_at, day, first_byte_ms, latency_ms)
    SELECT e.request_id, e.attempt, coalesce(e.part, 0), e.kind, e.corrects_id, e.team_id, e.api_key_id, e.model_id, e.route,
        e.price_id, e.variant, e.input, e.cache_read, e.cache_write_5m, e.cache_write_1h, e.output, e.reasoning,
        e.audio_input, e.audio_output, e.requests, e.usage_source, e.raw_usage, coalesce(e.flags, '{}'), e.cost,
        e.cost_reason, e.reported_cost, e.exposure, e.exposure_tokens, e.held, coalesce(e.overrun, false), e.outcome, e.status,
        coalesce(e.error_class, ''), coalesce(e.error_message, ''), coalesce(e.finish_reason, ''),
        coalesce(e.streamed, false), coalesce(e.served_model, ''), coalesce(e.upstream_id, ''),
        coalesce(e.client_request_id, ''), coalesce(e.tags, '{}'::jsonb), coalesce(e.note, ''),
        e.started_at, e.day, e.first_byte_ms, e.latency_ms
    FROM unnest(entries) e;

    WITH moved AS (
        SELECT x.id, -x.amount AS held, 0::numeric AS spent, 0::numeric AS exposed
        FROM unnest(freed_windows, freed_amounts) AS x(id, amount)
        UNION ALL
        SELECT w.id, 0,
            CASE l.unit WHEN 'usd' THEN coalesce(e.cost, 0)
                WHEN 'tokens' THEN coalesce(e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h
                    + e.output + e.reasoning + e.audio_input + e.audio_output, 0)
                ELSE (e.attempt = 1 AND coalesce(e.part, 0) = 0 AND e.kind <> 'correction')::int END,
            CASE l.unit WHEN 'usd' THEN coalesce(e.exposure, 0)
                WHEN 'tokens' THEN coalesce(e.exposure_tokens, 0) ELSE 0 END
        FROM unnest(entries) e
        JOIN metering_limit l ON l.team_id = e.team_id
            AND (l.api_key_id IS NULL OR l.api_key_id = e.api_key_id)
            AND (l.model_id IS NULL OR l.model_id = e.model_id)
        JOIN metering_limitwindow w ON w.limit_id = l.id
            AND w.starts_at <= e.started_at AND e.started_at < w.ends_at
    )
    UPDATE metering_limitwindow w
    SET held = w.held + m.held, spent = w.spent + m.spent, exposed = w.exposed + m.exposed
    FROM (SELECT moved.id, sum(moved.held) AS held, sum(moved.spent) AS spent, sum(moved.exposed) AS exposed
        FROM moved GROUP BY moved.id) m
    WHERE w.id = m.id;

    INSERT INTO metering_dailyspend AS d (day, team_id, api_key_id, model_id, route, calls, attempts, failed,
        unpriced, unbounded, estimated, overruns, input, cache_read, cache_write_5m, cache_write_1h, output,
        reasoning, audio_input, audio_output, requests, cost, exposure, latency_ms, answered)
    SELECT e.day, e.team_id, e.api_key_id, e.model_id, e.route,
        count(*) FILTER (WHERE e.attempt = 1 AND coalesce(e.part, 0) = 0 AND e.kind <> 'correction'),
        count(*) FILTER (WHERE e.kind = 'attempt'),
        count(*) FILTER (WHERE e.outcome IN ('error', 'cut', 'lost') AND e.kind <> 'correction'),
        count(*) FILTER (WHERE e.cost IS NULL AND e.kind <> 'correction') - coalesce(sum(solved[e.ordinality]), 0),
        count(*) FILTER (WHERE e.cost IS NULL AND e.exposure IS NULL AND e.kind <> 'correction')
            - coalesce(sum(solved_unbounded[e.ordinality]), 0),
        count(*) FILTER (WHERE e.usage_source = 'estimated' AND e.kind <> 'correction'),
        count(*) FILTER (WHERE e.overrun),
        coalesce(sum(e.input), 0), coalesce(sum(e.cache_read), 0), coalesce(sum(e.cache_write_5m), 0),
        coalesce(sum(e.cache_write_1h), 0), coalesce(sum(e.output), 0), coalesce(sum(e.reasoning), 0),
        coalesce(sum(e.audio_input), 0), coalesce(sum(e.audio_output), 0), coalesce(sum(e.requests), 0),
        coalesce(sum(e.cost), 0), coalesce(sum(e.exposure), 0), coalesce(sum(e.latency_ms), 0),
        count(e.latency_ms)
    FROM unnest(entries) WITH ORDINALITY e
    GROUP BY e.day, e.team_id, e.api_key_id, e.model_id, e.route
    ORDER BY e.day, e.team_id, e.api_key_id, e.model_id, e.route  -- see Note [Lock order]
    ON CONFLICT ON CONSTRAINT daily_spend_once_per_group DO UPDATE SET
        calls = d.calls + excluded.calls, attempts = d.attempts + excluded.attempts,
        failed = d.failed + excluded.failed, unpriced = d.unpriced + excluded.unpriced,
        unbounded = d.unbounded + excluded.unbounded, estimated = d.estimated + excluded.estimated,
        overruns = d.overruns + excluded.overruns, input = d.input + excluded.input,
        cache_read = d.cache_read + excluded.cache_read,
        cache_write_5m = d.cache_write_5m + excluded.cache_write_5m,
        cache_write_1h = d.cache_write_1h + excluded.cache_write_1h,
        output = d.output + excluded.output, reasoning = d.reasoning + excluded.reasoning,
        audio_input = d.audio_input + excluded.audio_input,
        audio_output = d.audio_output + excluded.audio_output,
        requests = d.requests + excluded.requests, cost = d.cost + excluded.cost,
        exposure = d.exposure + excluded.exposure, latency_ms = d.latency_ms + excluded.latency_ms,
        answered = d.answered + excluded.answered;

    FOR i IN 1 .. cardinality(given) LOOP
        ordinal := i - 1;
        state := coalesce(states[i], 'booked');
        RETURN NEXT;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0003_roles")]

    operations = [
        migrations.RemoveConstraint(model_name="costentry", name="cost_entry_once_per_attempt"),
        migrations.RemoveConstraint(model_name="costentry", name="cost_entry_cost_names_price"),
        migrations.AddField(
            model_name="costentry",
            name="part",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="0: what the called model used; above: another model that the vendor used for the same"
                " answer.",
            ),
        ),
        migrations.AddField(
            model_name="costentry",
            name="reported_cost",
            field=models.DecimalField(
                decimal_places=12,
                help_text="USD that the vendor says it charges; booked as the cost only where it is trusted.",
                max_digits=24,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="costentry",
            name="cost_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "priced"),
                    ("unpriced", "no price in force"),
                    ("unpriced_variant", "no price for the service tier that was served"),
                    ("unpriced_component", "no rate for a kind of token or fee that was used"),
                    ("no_usage", "the vendor reported no usage"),
                    ("lost", "the worker died before the answer was booked"),
                    ("not_billed", "vendors do not bill refused calls"),
                    ("cache_hit", "answered from our cache"),
                    ("reported", "the vendor's own figure"),
                ],
                default="",
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="costentry",
            constraint=models.UniqueConstraint(
                condition=~models.Q(kind="correction"),
                fields=("request_id", "attempt", "part"),
                name="cost_entry_once_per_attempt",
            ),
        ),
        migrations.AddConstraint(
            model_name="costentry",
            constraint=models.CheckConstraint(
                condition=models.Q(cost__isnull=True)
                | models.Q(price__isnull=False)
                | models.Q(cost=0, cost_reason__in=["not_billed", "cache_hit"])
                | models.Q(cost=models.F("reported_cost"), cost_reason="reported")
                | models.Q(kind="correction"),
                name="cost_entry_cost_names_price",
            ),
        ),
        migrations.AddConstraint(
            model_name="costentry",
            constraint=models.CheckConstraint(
                condition=~models.Q(cost_reason="reported")
                | models.Q(cost=models.F("reported_cost"), cost__isnull=False, reported_cost__isnull=False)
                | models.Q(kind="correction"),
                name="cost_entry_reported_is_the_cost",
            ),
        ),
        migrations.RunSQL(OPEN_WINDOW, _again(_BEFORE.OPEN_WINDOW)),
        migrations.RunSQL(JUDGE, _again(_BEFORE.JUDGE)),
        migrations.RunSQL(SETTLE, _again(_BEFORE.SETTLE)),
    ]

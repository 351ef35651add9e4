"""The ledger's rules and its three writers, in the database.

Note [One call, one round trip]: admission and settlement are SQL functions, called once per batch. Row locks
live only while the function runs, never across a round trip to a worker, so a worker that stalls or dies
between two statements cannot hold up the others; and an admission costs one round trip instead of four.

Note [Plans]: PostgreSQL would plan the functions' statements anew for every call: a settlement of one took 1.6 ms
of CPU with that and 0.8 ms without (measured on the first version). force_generic_plan keeps one plan for each.

Note [Lock order]: every writer locks limit windows in id order, then holds in id order, then the entries that it
corrects in id order, then inserts cost entries, then daily rows in key order. One order, so no deadlock.

Note [One verdict for one call]: a worker and the sweeper, or a worker that repeats itself on a new connection, may
settle the same call at the same moment. The second waits for the hold (or, when that is gone, for the entry) and
judges with a fresh look at the ledger: 'late' or 'duplicate', never a unique violation that loses what was used.
NO KEY UPDATE, because a correction's foreign key takes KEY SHARE on the entry.

Note [Opening a window]: a window is opened with what the ledger already says for its period. Entries being
settled at that moment must be seen either by that sum or by the settlement's own update, so settlements take
an advisory lock shared and the opening takes it exclusively.
"""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION metering_ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger only grows: % on metering_costentry is refused; book a correction', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER cost_entry_only_grows BEFORE UPDATE OR DELETE ON metering_costentry
    FOR EACH ROW EXECUTE FUNCTION metering_ledger_only_grows();
CREATE TRIGGER cost_entry_never_truncated BEFORE TRUNCATE ON metering_costentry
    FOR EACH STATEMENT EXECUTE FUNCTION metering_ledger_only_grows();
"""
APPEND_ONLY_REVERSE = """
DROP TRIGGER cost_entry_only_grows ON metering_costentry;
DROP TRIGGER cost_entry_never_truncated ON metering_costentry;
DROP FUNCTION metering_ledger_only_grows();
"""

LIMIT_SCOPE = """
CREATE FUNCTION metering_limit_scope_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.team_id, NEW.unit, NEW.period) IS DISTINCT FROM (OLD.team_id, OLD.unit, OLD.period)
        OR NEW.api_key_id IS DISTINCT FROM OLD.api_key_id OR NEW.model_id IS DISTINCT FROM OLD.model_id
    THEN
        RAISE EXCEPTION 'scope, unit and period of a limit never change: make a new limit'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER limit_scope_is_fixed BEFORE UPDATE ON metering_limit
    FOR EACH ROW EXECUTE FUNCTION metering_limit_scope_is_fixed();
"""
LIMIT_SCOPE_REVERSE = """
DROP TRIGGER limit_scope_is_fixed ON metering_limit;
DROP FUNCTION metering_limit_scope_is_fixed();
"""

NOTIFY = """
CREATE FUNCTION metering_notify_configuration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tallygate_configuration', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER limit_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON metering_limit
    FOR EACH STATEMENT EXECUTE FUNCTION metering_notify_configuration();
"""
NOTIFY_REVERSE = """
DROP TRIGGER limit_changed ON metering_limit;
DROP FUNCTION metering_notify_configuration();
"""

# Windows are updated in place many times a second: room in the page keeps those updates off the indexes.
STORAGE = """
ALTER TABLE metering_limitwindow SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 500);
ALTER TABLE metering_hold SET (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE metering_dailyspend SET (fillfactor = 70);
"""
STORAGE_REVERSE = """
ALTER TABLE metering_limitwindow RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE metering_hold RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE metering_dailyspend RESET (fillfactor);
"""

OPEN_WINDOW = """
CREATE FUNCTION metering_open_window(the_limit bigint, begins timestamptz, ends timestamptz) RETURNS bigint
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
            ELSE count(*) FILTER (WHERE e.attempt = 1 AND e.kind <> 'correction') END,
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

ADMIT = """
-- Decides and writes a batch of holds. One element of ``batch``:
--   hold: the columns of metering_hold but id, usd, tokens, window_amounts; window_ids: those in scope, in order
--   base_usd, usd_per_output_token: decimals as strings; null when the model has no price in force
--   input_tokens: upper bound; output_wanted: upper bound; output_least: the fewest that the caller accepts
--   calls: 1 for the first attempt of a request, else 0
-- ``windows``: the ids of all windows in the batch, each once.
-- Returns a row each: verdict (admitted | refused | stale), granted output tokens, the limit that refused,
-- what it has left and when its window ends. ``stale``: a window or limit is gone, look again.
-- The windows are read once and written once; in between they are the arrays ids, rooms, added.
CREATE FUNCTION metering_admit(batch jsonb, windows bigint[])
RETURNS TABLE (ordinal int, verdict text, granted bigint, held_usd numeric, limit_id bigint, reason text,
    room numeric, resets_at timestamptz)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    item jsonb;
    ids bigint[]; limits bigint[]; units text[]; binding boolean[]; rooms numeric[]; ends timestamptz[];
    added numeric[];
    amounts numeric[];
    places int[];
    place int;
    base numeric;
    rate numeric;
    least_output bigint;
    input_bound bigint;
    calls int;
    h metering_hold;
    holds metering_hold[] := '{}';
BEGIN
    SELECT array_agg(q.id), array_agg(q.limit_id), array_agg(q.unit), array_agg(q.binding), array_agg(q.room),
        array_agg(q.ends_at), array_agg(0::numeric)
    INTO ids, limits, units, binding, rooms, ends, added
    FROM (
        SELECT lw.id, l.id AS limit_id, l.unit, l.mode = 'hard' AND l.enabled AS binding,
            l.amount - lw.spent - lw.held - lw.exposed AS room, lw.ends_at
        FROM metering_limitwindow lw JOIN metering_limit l ON l.id = lw.limit_id
        WHERE lw.id = ANY (windows)
        ORDER BY lw.id FOR UPDATE OF lw  -- see Note [Lock order]
    ) q;

    FOR position IN 0 .. jsonb_array_length(batch) - 1 LOOP
        ordinal := position;
        item := batch->position;
        verdict := 'admitted'; limit_id := NULL; reason := NULL; room := NULL; resets_at := NULL; held_usd := NULL;
        base := (item->>'base_usd')::numeric;
        rate := (item->>'usd_per_output_token')::numeric;
        granted := (item->>'output_wanted')::bigint;
        least_output := (item->>'output_least')::bigint;
        input_bound := (item->>'input_tokens')::bigint;
        calls := (item->>'calls')::int;
        h := jsonb_populate_record(NULL::metering_hold, item->'hold');
        places := '{}'; amounts := '{}';

        FOR i IN 1 .. cardinality(h.window_ids) LOOP
            place := array_position(ids, h.window_ids[i]);
            IF place IS NULL THEN
                verdict := 'stale';
                EXIT;
            END IF;
            places := places || place;
            CONTINUE WHEN NOT binding[place];
            room := rooms[place] - added[place];
            CASE units[place]
            WHEN 'usd' THEN
                IF base IS NULL THEN
                    reason := 'unpriced';
                ELSIF rate > 0 THEN
                    granted := greatest(-1, least(granted, floor((room - base) / rate)))::bigint;
                ELSIF room < base THEN
                    reason := 'usd';
                END IF;
            WHEN 'tokens' THEN
                granted := least(granted, (room - input_bound)::bigint);
            ELSE
                IF room < calls THEN
                    reason := 'requests';
                END IF;
            END CASE;
            IF reason IS NULL AND granted < least_output THEN
                reason := units[place];
            END IF;
            IF reason IS NOT NULL THEN
                verdict := 'refused'; limit_id := limits[place]; resets_at := ends[place];
                EXIT;
            END IF;
        END LOOP;

        IF verdict <> 'admitted' THEN
            granted := NULL;
            RETURN NEXT;
            CONTINUE;
        END IF;
        room := NULL;
        h.usd := base + granted * rate;
        h.tokens := input_bound + granted;
        FOREACH place IN ARRAY places LOOP
            amounts := amounts || CASE units[place] WHEN 'usd' THEN coalesce(h.usd, 0)
                WHEN 'tokens' THEN h.tokens ELSE calls END;
            added[place] := added[place] + amounts[cardinality(amounts)];
        END LOOP;
        h.window_amounts := amounts;
        holds := holds || h;
        held_usd := h.usd;
        RETURN NEXT;
    END LOOP;

    INSERT INTO metering_hold (request_id, attempt, team_id, api_key_id, model_id, route, price_id, usd, tokens,
        window_ids, window_amounts, streamed, client_request_id, tags, worker, started_at, expires_at)
    SELECT x.request_id, x.attempt, x.team_id, x.api_key_id, x.model_id, x.route, x.price_id, x.usd, x.tokens,
        x.window_ids, x.window_amounts, x.streamed, x.client_request_id, x.tags, x.worker, x.started_at, x.expires_at
    FROM unnest(holds) x;
    UPDATE metering_limitwindow lw SET held = lw.held + x.amount
    FROM unnest(ids, added) AS x(id, amount) WHERE lw.id = x.id AND x.amount <> 0;
END $$;
"""

JUDGE = """
-- What becomes of entries that may be booked already, or that correct others: see metering_settle. The columns of
-- ``entries`` say what is to be written; an exposure there is the difference that the entry makes.
CREATE FUNCTION metering_judge(given metering_costentry[])
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
            WHERE t.request_id = e.request_id AND t.attempt = e.attempt AND t.kind <> 'correction';
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
CREATE FUNCTION metering_settle(batch jsonb) RETURNS TABLE (ordinal int, state text)
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

    INSERT INTO metering_costentry (request_id, attempt, kind, corrects_id, team_id, api_key_id, model_id, route,
        price_id, variant, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input,
        audio_output, requests, usage_source, raw_usage, flags, cost, cost_reason, exposure, exposure_tokens,
        held, overrun, outcome, status, error_class, error_message, finish_reason, streamed, served_model,
        upstream_id, client_request_id, tags, note, started_at, day, first_byte_ms, latency_ms)
    SELECT e.request_id, e.attempt, e.kind, e.corrects_id, e.team_id, e.api_key_id, e.model_id, e.route,
        e.price_id, e.variant, e.input, e.cache_read, e.cache_write_5m, e.cache_write_1h, e.output, e.reasoning,
        e.audio_input, e.audio_output, e.requests, e.usage_source, e.raw_usage, coalesce(e.flags, '{}'), e.cost,
        e.cost_reason, e.exposure, e.exposure_tokens, e.held, coalesce(e.overrun, false), e.outcome, e.status,
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
                ELSE (e.attempt = 1 AND e.kind <> 'correction')::int END,
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
        count(*) FILTER (WHERE e.attempt = 1 AND e.kind <> 'correction'),
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
    dependencies = [("metering", "0001_initial")]

    operations = [
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_REVERSE),
        migrations.RunSQL(LIMIT_SCOPE, LIMIT_SCOPE_REVERSE),
        migrations.RunSQL(NOTIFY, NOTIFY_REVERSE),
        migrations.RunSQL(STORAGE, STORAGE_REVERSE),
        migrations.RunSQL(OPEN_WINDOW, "DROP FUNCTION metering_open_window(bigint, timestamptz, timestamptz)"),
        migrations.RunSQL(ADMIT, "DROP FUNCTION metering_admit(jsonb, bigint[])"),
        migrations.RunSQL(JUDGE, "DROP FUNCTION metering_judge(metering_costentry[])"),
        migrations.RunSQL(SETTLE, "DROP FUNCTION metering_settle(jsonb)"),
    ]

"""Limits on concurrency, waiting for room, and what is left of rate limits, told in the same round trip.

Note [An open hold is the slot]: a limit on concurrency is one window without an end in which every open hold
counts 1 and nothing is ever spent. So whatever ends a hold (a settlement, a release, the sweeper) frees the slot
in the same transaction; there is no counter beside the ledger that could leak.

metering_admit is that of 0002 with the unit, the refusing limit's amount and the rate limits' rooms; it returns
more columns, so it is made anew. The other two are those of 0007 and 0004, where a window of concurrency has
nothing spent.
"""

import importlib

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

_RULES = importlib.import_module("metering.migrations.0002_ledger_rules")
_PARTS = importlib.import_module("metering.migrations.0004_parts_and_reported_cost")
_BEFORE = importlib.import_module("metering.migrations.0007_one_part_takes_the_hold")

# What a request's windows that are rate limits leave; only asked when the batch has one.
RATES = """
CREATE FUNCTION metering_rates(window_ids bigint[], ids bigint[], limit_ids bigint[], rated boolean[],
    ceilings numeric[], rooms_before numeric[], added numeric[],
    OUT limits bigint[], OUT amounts numeric[], OUT rooms numeric[])
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(limit_ids[p]), array_agg(ceilings[p]), array_agg(rooms_before[p] - added[p])
    FROM unnest(window_ids) w, array_position(ids, w) p WHERE rated[p]
$$;
"""

ADMIT = """
-- Decides and writes a batch of holds. One element of ``batch``:
--   hold: the columns of metering_hold but id, usd, tokens, window_amounts; window_ids: those in scope, in order
--   base_usd, usd_per_output_token: decimals as strings; null when the model has no price in force
--   input_tokens: upper bound; output_wanted: upper bound; output_least: the fewest that the caller accepts
--   calls: 1 for the first attempt of a request, else 0
-- ``windows``: the ids of all windows in the batch, each once.
-- Returns a row each: verdict (admitted | refused | stale), granted output tokens, the limit that refused, what it
-- has left, when its window ends and its amount. ``stale``: a window or limit is gone, look again.
-- rate_limits, rate_amounts, rate_rooms: the hard limits on requests or tokens a minute or a day in scope, their
-- amounts and what this verdict leaves of them; null when there are none.
-- The windows are read once and written once; in between they are the arrays ids, rooms, added.
CREATE FUNCTION metering_admit(batch jsonb, windows bigint[])
RETURNS TABLE (ordinal int, verdict text, granted bigint, held_usd numeric, limit_id bigint, reason text,
    room numeric, resets_at timestamptz, amount numeric, rate_limits bigint[], rate_amounts numeric[],
    rate_rooms numeric[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    item jsonb;
    ids bigint[]; limits bigint[]; units text[]; binding boolean[]; rooms numeric[]; ends timestamptz[];
    added numeric[];
    ceilings numeric[]; rated boolean[];
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
        array_agg(q.ends_at), array_agg(0::numeric), array_agg(q.amount), array_agg(q.rated)
    INTO ids, limits, units, binding, rooms, ends, added, ceilings, rated
    FROM (
        SELECT lw.id, l.id AS limit_id, l.unit, l.mode = 'hard' AND l.enabled AS binding,
            l.amount - lw.spent - lw.held - lw.exposed AS room, lw.ends_at, l.amount,
            l.unit IN ('requests', 'tokens') AND l.period IN ('minute', 'day')
                AND l.mode = 'hard' AND l.enabled AS rated
        FROM metering_limitwindow lw JOIN metering_limit l ON l.id = lw.limit_id
        WHERE lw.id = ANY (windows)
        ORDER BY lw.id FOR UPDATE OF lw  -- see Note [Lock order]
    ) q;

    FOR position IN 0 .. jsonb_array_length(batch) - 1 LOOP
        ordinal := position;
        item := batch->position;
        verdict := 'admitted'; limit_id := NULL; reason := NULL; room := NULL; resets_at := NULL; held_usd := NULL;
        amount := NULL; rate_limits := NULL; rate_amounts := NULL; rate_rooms := NULL;
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
            WHEN 'concurrency' THEN
                IF room < 1 THEN
                    reason := 'concurrency';
                END IF;
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
                amount := ceilings[place];
                EXIT;
            END IF;
        END LOOP;

        IF verdict <> 'admitted' THEN
            granted := NULL;
            IF true = ANY (rated) THEN
                SELECT r.limits, r.amounts, r.rooms INTO rate_limits, rate_amounts, rate_rooms
                FROM metering_rates(h.window_ids, ids, limits, rated, ceilings, rooms, added) r;
            END IF;
            RETURN NEXT;
            CONTINUE;
        END IF;
        room := NULL;
        h.usd := base + granted * rate;
        h.tokens := input_bound + granted;
        FOREACH place IN ARRAY places LOOP
            amounts := amounts || CASE units[place] WHEN 'usd' THEN coalesce(h.usd, 0)
                WHEN 'tokens' THEN h.tokens WHEN 'requests' THEN calls ELSE 1 END;
            added[place] := added[place] + amounts[cardinality(amounts)];
        END LOOP;
        h.window_amounts := amounts;
        holds := holds || h;
        held_usd := h.usd;
        IF true = ANY (rated) THEN
            SELECT r.limits, r.amounts, r.rooms INTO rate_limits, rate_amounts, rate_rooms
            FROM metering_rates(h.window_ids, ids, limits, rated, ceilings, rooms, added) r;
        END IF;
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
DROP_ADMIT = "DROP FUNCTION metering_admit(jsonb, bigint[]);"


def _changed(function: str, text: str, by: str) -> str:
    """``function`` with one passage changed."""
    before, after = function.split(text)
    return before + by + after


COUNTED = "ELSE (e.attempt = 1 AND coalesce(e.part, 0) = 0 AND e.kind <> 'correction')::int END"
SETTLE = _changed(
    _BEFORE.SETTLE, COUNTED, COUNTED.replace("ELSE", "WHEN 'concurrency' THEN 0\n                ELSE")
)

# The ledger says nothing of a window of concurrency: it is not read for one.
NOTHING_BEFORE = "LEFT JOIN metering_costentry e ON e.team_id = l.team_id"
OPEN_WINDOW = _changed(_PARTS.OPEN_WINDOW, NOTHING_BEFORE, NOTHING_BEFORE + " AND l.unit <> 'concurrency'")

UNIT = {
    "choices": [
        ("usd", "USD (a budget)"),
        ("tokens", "tokens"),
        ("requests", "requests"),
        ("concurrency", "calls in flight at once"),
    ],
    "default": "usd",
}
PERIODS = [("minute", "Minute"), ("day", "Day"), ("week", "Week"), ("month", "Month"), ("total", "Total")]


class Migration(migrations.Migration):
    dependencies = [("metering", "0007_one_part_takes_the_hold")]

    operations = [
        migrations.RemoveConstraint(model_name="limit", name="limit_unit_known"),
        migrations.AlterField(
            model_name="limit",
            name="unit",
            field=models.CharField(
                max_length=12,
                help_text="Calls in flight at once: no period (choose total), always hard; an open call"
                " is one of them from its admission until it is booked.",
                **UNIT,
            ),
        ),
        migrations.AlterField(
            model_name="limit",
            name="period",
            field=models.CharField(
                max_length=10,
                choices=PERIODS,
                default="month",
                help_text="Total: never begins anew. For calls in flight choose total.",
            ),
        ),
        migrations.AddField(
            model_name="limit",
            name="queue_seconds",
            field=models.FloatField(
                default=0.0,
                db_default=0.0,
                validators=[MinValueValidator(0.0), MaxValueValidator(30.0)],
                help_text="How long a call may wait for room before it is refused; 0: not at all. Not for budgets.",
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=models.Q(unit__in=["usd", "tokens", "requests", "concurrency"]),
                name="limit_unit_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=~models.Q(unit="concurrency") | models.Q(period="total", mode="hard"),
                name="limit_concurrency_is_hard_and_total",
                violation_error_message="Calls in flight have no period (choose total); the limit is hard.",
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=models.Q(queue_seconds=0.0)
                | models.Q(~models.Q(unit="usd"), queue_seconds__gt=0.0, queue_seconds__lte=30.0),
                name="limit_queue_is_short",
                violation_error_message="A call may wait up to 30 seconds, and for no budget.",
            ),
        ),
        migrations.RunSQL(RATES, "DROP FUNCTION metering_rates"),
        migrations.RunSQL(DROP_ADMIT + ADMIT, DROP_ADMIT + _RULES.ADMIT),
        migrations.RunSQL(SETTLE, _BEFORE.SETTLE),
        migrations.RunSQL(OPEN_WINDOW, _PARTS.OPEN_WINDOW),
    ]

"""Bookings know closed months, tags and raises.

Note [Closed is closed]: a month's entries are those whose period it is: the month of their day, or ``billed_in``.
Settlements take the advisory lock of windows shared, closing takes it exclusively (metering_close_period): so a
settlement is either seen by the closing's sums or sees the month closed. What comes too late is billed in the first
month that is not closed, on its own charge day, flagged 'late'. Whoever writes entries by other means is refused by
a trigger, which takes the same lock.

Note [Months close in order]: so one date, the last closed month, says of every day whether its month is closed.

Note [Raises]: an approved raise is added to its window, or to the window when it is opened (metering_open_window).
Both under the lock of windows, so none is forgotten or added twice.

The functions are those of 0008 with these changes.
"""

import importlib

from django.db import migrations

_BEFORE = importlib.import_module("metering.migrations.0008_concurrency_and_waiting")
_PARTS = importlib.import_module("metering.migrations.0004_parts_and_reported_cost")

PERIODS = """
CREATE FUNCTION metering_period(day date, billed_in date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(billed_in, date_trunc('month', day::timestamp)::date)
$$;

-- The last closed month, and the last that is closed or closing; null when there is none.
CREATE FUNCTION metering_last_closed(OUT closed date, OUT closing date) LANGUAGE sql STABLE AS $$
    SELECT max(month) FILTER (WHERE status = 'closed'), max(month) FILTER (WHERE status <> 'open')
    FROM metering_billingperiod
$$;

CREATE FUNCTION metering_closed_is_closed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_closed date;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(814001);  -- see Note [Closed is closed]
    SELECT closed INTO last_closed FROM metering_last_closed();
    IF last_closed IS NOT NULL
        AND EXISTS (SELECT 1 FROM added WHERE metering_period(day, billed_in) <= last_closed) THEN
        RAISE EXCEPTION 'the books of % are closed: no entry can be billed in it', to_char(last_closed, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'cost_entry_period_not_closed';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cost_entry_period_not_closed AFTER INSERT ON metering_costentry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION metering_closed_is_closed();

CREATE FUNCTION metering_periods_close_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_closed date;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'billing periods are never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.month <> OLD.month THEN
        RAISE EXCEPTION 'a billing period keeps its month' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status = 'open' AND (TG_OP = 'INSERT' OR OLD.status <> 'closed') THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(814001);  -- see Note [Closed is closed]
    SELECT max(month) INTO last_closed FROM metering_billingperiod WHERE status = 'closed' AND id <> NEW.id;
    IF TG_OP = 'UPDATE' AND OLD.status = 'closed' AND NEW.status <> 'closed' AND OLD.month < last_closed THEN
        RAISE EXCEPTION 'only the last closed month can be opened again: that is %', to_char(last_closed, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_period_last_closed_first';
    END IF;
    IF NEW.status <> 'open' AND NEW.month <= last_closed THEN
        RAISE EXCEPTION '% is closed with the months after it', to_char(NEW.month, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_period_in_order';
    END IF;
    IF NEW.status = 'closed' AND (TG_OP = 'INSERT' OR OLD.status = 'open') THEN
        RAISE EXCEPTION 'a month is closing before it is closed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_period_closing_first';
    END IF;
    IF NEW.status <> 'open' AND EXISTS (SELECT 1 FROM metering_dailyspend
        WHERE period < NEW.month AND (last_closed IS NULL OR period > last_closed)) THEN
        RAISE EXCEPTION 'months are closed in order: one before % is not closed', to_char(NEW.month, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_period_in_order';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_period_in_order BEFORE INSERT OR UPDATE OR DELETE ON metering_billingperiod
    FOR EACH ROW EXECUTE FUNCTION metering_periods_close_in_order();
"""
PERIODS_REVERSE = """
DROP TRIGGER billing_period_in_order ON metering_billingperiod;
DROP FUNCTION metering_periods_close_in_order();
DROP TRIGGER cost_entry_period_not_closed ON metering_costentry;
DROP FUNCTION metering_closed_is_closed();
DROP FUNCTION metering_last_closed();
DROP FUNCTION metering_period(date, date);
"""

BATCHES = """
CREATE FUNCTION metering_batch_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state = 'done' OR (NEW.kind, NEW.reason, NEW.author, NEW.scope, NEW.created_at)
        IS DISTINCT FROM (OLD.kind, OLD.reason, OLD.author, OLD.scope, OLD.created_at)
    THEN
        RAISE EXCEPTION 'the ledger only grows: % on a correction batch is refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER correction_batch_is_kept BEFORE UPDATE OR DELETE ON metering_correctionbatch
    FOR EACH ROW EXECUTE FUNCTION metering_batch_is_kept();
CREATE TRIGGER correction_batch_never_truncated BEFORE TRUNCATE ON metering_correctionbatch
    FOR EACH STATEMENT EXECUTE FUNCTION metering_batch_is_kept();
"""
BATCHES_REVERSE = """
DROP TRIGGER correction_batch_never_truncated ON metering_correctionbatch;
DROP TRIGGER correction_batch_is_kept ON metering_correctionbatch;
DROP FUNCTION metering_batch_is_kept();
"""

RAISES = """
-- Adds what was approved for a limit's period to its window, when that is open already. To be called in the
-- transaction that approves, after it is written.
CREATE FUNCTION metering_apply_raises(the_limit bigint, begins timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(814001);  -- see Note [Raises]
    UPDATE metering_limitwindow w SET raised = coalesce((SELECT sum(r.amount) FROM metering_limitraise r
        WHERE r.limit_id = the_limit AND r.starts_at = begins AND r.state = 'approved'), 0)
    WHERE w.limit_id = the_limit AND w.starts_at = begins;
END $$;

CREATE FUNCTION metering_raise_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state <> 'open'
        OR (NEW.limit_id, NEW.starts_at, NEW.ends_at, NEW.amount, NEW.reason, NEW.asked_by_id, NEW.asked_at)
        IS DISTINCT FROM
            (OLD.limit_id, OLD.starts_at, OLD.ends_at, OLD.amount, OLD.reason, OLD.asked_by_id, OLD.asked_at)
    THEN
        RAISE EXCEPTION 'a raise is decided once, as it was asked for' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER limit_raise_is_kept BEFORE UPDATE OR DELETE ON metering_limitraise
    FOR EACH ROW EXECUTE FUNCTION metering_raise_is_kept();
"""
RAISES_REVERSE = """
DROP TRIGGER limit_raise_is_kept ON metering_limitraise;
DROP FUNCTION metering_raise_is_kept();
DROP FUNCTION metering_apply_raises(bigint, timestamptz);
"""

SCOPE = """
CREATE OR REPLACE FUNCTION metering_limit_scope_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.team_id, NEW.unit, NEW.period, NEW.tag_name, NEW.tag_value)
            IS DISTINCT FROM (OLD.team_id, OLD.unit, OLD.period, OLD.tag_name, OLD.tag_value)
        OR NEW.api_key_id IS DISTINCT FROM OLD.api_key_id OR NEW.model_id IS DISTINCT FROM OLD.model_id
    THEN
        RAISE EXCEPTION 'scope, unit and period of a limit never change: make a new limit'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
SCOPE_REVERSE = """
CREATE OR REPLACE FUNCTION metering_limit_scope_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.team_id, NEW.unit, NEW.period) IS DISTINCT FROM (OLD.team_id, OLD.unit, OLD.period)
        OR NEW.api_key_id IS DISTINCT FROM OLD.api_key_id OR NEW.model_id IS DISTINCT FROM OLD.model_id
    THEN
        RAISE EXCEPTION 'scope, unit and period of a limit never change: make a new limit'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def _changed(function: str, text: str, by: str, *, times: int = 1) -> str:
    """``function`` with a passage changed wherever it stands: ``times`` times."""
    parts = function.split(text)
    assert len(parts) == times + 1, f"{len(parts) - 1} times: {text}"
    return by.join(parts)


MODEL_SCOPE = "AND (l.model_id IS NULL OR l.model_id = e.model_id)"
TAG_SCOPE = f"{MODEL_SCOPE}\n        AND (l.tag_name = '' OR e.tags ->> l.tag_name = l.tag_value)"

ADMIT = _changed(_BEFORE.ADMIT, "l.amount - lw.spent", "l.amount + lw.raised - lw.spent")
ADMIT = _changed(ADMIT, "lw.ends_at, l.amount,", "lw.ends_at, l.amount + lw.raised AS amount,")
ADMIT = ADMIT.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)

OPEN_WINDOW = _changed(_BEFORE.OPEN_WINDOW, MODEL_SCOPE, TAG_SCOPE)
OPEN_WINDOW = _changed(
    OPEN_WINDOW,
    "(limit_id, starts_at, ends_at, held, spent, exposed)\n    SELECT l.id, begins, ends, 0,",
    "(limit_id, starts_at, ends_at, raised, held, spent, exposed)\n    SELECT l.id, begins, ends,"
    "\n        coalesce((SELECT sum(r.amount) FROM metering_limitraise r  -- see Note [Raises]"
    "\n            WHERE r.limit_id = l.id AND r.starts_at = begins AND r.state = 'approved'), 0),"
    "\n        0,",
)

# Whether anybody knew its most is said by the entry itself, not by an answer that came after it was lost: that
# one states a difference of exposures.
JUDGE = _changed(
    _PARTS.JUDGE,
    "(ends_unknown AND target.exposure IS NULL)::int",
    "(ends_unknown AND EXISTS (SELECT 1 FROM metering_costentry b"
    "\n            WHERE b.request_id = target.request_id AND b.attempt = target.attempt AND b.part = target.part"
    "\n                AND b.kind <> 'correction' AND b.exposure IS NULL))::int",
)

SETTLE = _changed(_BEFORE.SETTLE, MODEL_SCOPE, TAG_SCOPE, times=2)
SETTLE = _changed(
    SETTLE,
    "    plain boolean;\n",
    "    plain boolean;\n    last_closed date;\n    last_closing date;\n",
)
SETTLE = _changed(
    SETTLE,
    "    PERFORM 1 FROM unnest(given) e\n    JOIN metering_limit l",
    "    SELECT closed, closing INTO last_closed, last_closing FROM metering_last_closed();"
    "  -- see Note [Closed is closed]\n    PERFORM 1 FROM unnest(given) e\n    JOIN metering_limit l",
)
SETTLE = _changed(
    SETTLE,
    "request_id, attempt, part, kind, corrects_id,",
    "request_id, attempt, part, kind, corrects_id, batch_id, reverses,",
)
SETTLE = _changed(
    SETTLE,
    "e.kind, e.corrects_id, e.team_id,",
    "e.kind, e.corrects_id, e.batch_id,\n        coalesce(e.reverses, false), e.team_id,",
)
SETTLE = _changed(
    SETTLE,
    "coalesce(e.flags, '{}'), e.cost,",
    "CASE WHEN e.day < last_closing + interval '1 month'"
    " THEN array_append(coalesce(e.flags, '{}'), 'late')\n            ELSE coalesce(e.flags, '{}') END, e.cost,",
)
SETTLE = _changed(
    SETTLE,
    "tags, note, started_at, day, first_byte_ms",
    "tags, note, started_at, day, billed_in, first_byte_ms",
)
BILLED_IN = (
    "CASE WHEN e.day < last_closed + interval '1 month' THEN (last_closed + interval '1 month')::date END"
)
SETTLE = _changed(
    SETTLE,
    "e.started_at, e.day, e.first_byte_ms",
    f"e.started_at, e.day,\n        {BILLED_IN}, e.first_byte_ms",
)
GROUPED = "e.day, e.team_id, e.api_key_id, e.model_id, e.route"
SETTLE = _changed(
    SETTLE,
    "d (day, team_id, api_key_id, model_id, route, calls",
    "d (day, team_id, api_key_id, model_id, route, period, calls",
)
SETTLE = _changed(
    SETTLE, f"SELECT {GROUPED},\n", f"SELECT {GROUPED},\n        metering_period(e.day, {BILLED_IN}),\n"
)
SETTLE = _changed(
    SETTLE, f"GROUP BY {GROUPED}\n", f"GROUP BY {GROUPED}  -- and by period, which follows from the day\n"
)


class Migration(migrations.Migration):
    dependencies = [("metering", "0010_corrections_and_periods")]

    operations = [
        migrations.RunSQL(PERIODS, PERIODS_REVERSE),
        migrations.RunSQL(BATCHES, BATCHES_REVERSE),
        migrations.RunSQL(RAISES, RAISES_REVERSE),
        migrations.RunSQL(SCOPE, SCOPE_REVERSE),
        migrations.RunSQL(ADMIT, _BEFORE.ADMIT.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)),
        migrations.RunSQL(OPEN_WINDOW, _BEFORE.OPEN_WINDOW),
        migrations.RunSQL(JUDGE, _PARTS.JUDGE),
        migrations.RunSQL(SETTLE, _BEFORE.SETTLE),
    ]

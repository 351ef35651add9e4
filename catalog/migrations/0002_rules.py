"""What the database itself refuses and announces about the catalog: see catalog/models/prices.py.

Every rule is tested in tests/catalog/test_price_rules.py and tests/catalog/test_announcements.py.
"""

from django.db import migrations

# Note [One price for one moment]
# -------------------------------
# Two rows of one model may not claim the same variant, threshold, hour of the week and moment. GiST needs
# range operators for all columns (btree_gist is a contrib extension that not every PostgreSQL has), so each plain
# value is written as a range of one value, and the hours as a multirange of seconds of the week (Monday 00:00 UTC
# is 0). Rows without hours hold all day but give way to peak rows: they get a range of their own, [-1, 0).
#
# daily_from <= time < daily_to; when daily_to is not after daily_from the hours go on past midnight and the early
# ones belong to the day before (as catalog/snapshot.py has it): "mon-fri 22:00-02:00" holds on Saturday 01:00 and
# not on Monday 01:00.
NO_OVERLAP = """
CREATE FUNCTION catalog_variant_number(variant text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT array_position(ARRAY['standard', 'batch', 'flex', 'priority', 'fast'], variant) $$;

CREATE FUNCTION catalog_seconds_of_week(daily_from time, daily_to time, weekdays text) RETURNS int4multirange
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT CASE
            WHEN daily_from IS NULL THEN int4multirange(int4range(-1, 0))
            ELSE (
                SELECT range_agg(span)
                FROM generate_series(
                         CASE weekdays WHEN 'sat-sun' THEN 5 ELSE 0 END,
                         CASE weekdays WHEN 'mon-fri' THEN 4 ELSE 6 END
                     ) AS day
                CROSS JOIN LATERAL (
                    SELECT day * 86400 + extract(epoch FROM daily_from)::integer AS begins,
                           day * 86400 + extract(epoch FROM daily_to)::integer
                               + CASE WHEN daily_from < daily_to THEN 0 ELSE 86400 END AS ends
                ) AS bounds
                CROSS JOIN LATERAL unnest(ARRAY[
                    int4range(begins, least(ends, 604800)),
                    int4range(0, greatest(ends - 604800, 0))  -- from Sunday into Monday
                ]) AS span
            )
        END
    $$;

ALTER TABLE catalog_price ADD CONSTRAINT price_no_overlap EXCLUDE USING gist (
    int8range(model_id, model_id, '[]') WITH &&,
    int4range(catalog_variant_number(variant), catalog_variant_number(variant), '[]') WITH &&,
    int8range(above_input_tokens::bigint, above_input_tokens::bigint, '[]') WITH &&,
    catalog_seconds_of_week(daily_from, daily_to, weekdays) WITH &&,
    tstzrange(effective_from, effective_to, '[)') WITH &&
);
"""

NO_OVERLAP_REVERSE = """
ALTER TABLE catalog_price DROP CONSTRAINT price_no_overlap;
DROP FUNCTION catalog_seconds_of_week(time, time, text);
DROP FUNCTION catalog_variant_number(text);
"""

# Note [Prices in force are history]
# ----------------------------------
# Before its period begins a price may be changed or deleted freely. Once it has begun:
#   - it cannot be deleted;
#   - nothing about it changes but effective_to, and that only while the period is not over;
#   - effective_to may be any moment from now on (one minute of grace lets a transaction that took the time at its
#     start commit), or NULL again (a planned change was called off);
#   - an earlier effective_to is allowed only when no cost entry was made at this price since then: this is what
#     lets `manage.py apply` put its own prices in place of seeded ones on a machine that has booked nothing yet.
# The ledger is asked by name and only if it exists, because the catalog is installed before it.
IN_FORCE = """
CREATE FUNCTION catalog_price_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    booked boolean := false;
BEGIN
    IF OLD.effective_from > moment THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'price % has been in force since % and cannot be deleted', OLD.id, OLD.effective_from
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_in_force_kept',
                  HINT = 'Set its effective_to to end it.';
    END IF;
    IF to_jsonb(NEW) - 'effective_to' IS DISTINCT FROM to_jsonb(OLD) - 'effective_to' THEN
        RAISE EXCEPTION 'price % has been in force since % and cannot be edited', OLD.id, OLD.effective_from
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_in_force_unchanged',
                  HINT = 'Set its effective_to and add a new price that starts then.';
    END IF;
    IF NEW.effective_to IS NOT DISTINCT FROM OLD.effective_to THEN
        RETURN NEW;
    END IF;
    IF OLD.effective_to <= moment THEN
        RAISE EXCEPTION 'price % ended at % and cannot be changed', OLD.id, OLD.effective_to
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_period_over';
    END IF;
    IF NEW.effective_to < moment - interval '1 minute' THEN
        IF to_regclass('metering_costentry') IS NOT NULL THEN
            EXECUTE 'SELECT EXISTS (SELECT 1 FROM metering_costentry WHERE price_id = $1 AND started_at >= $2)'
                INTO booked USING OLD.id, NEW.effective_to;
        END IF;
        IF booked THEN
            RAISE EXCEPTION 'price % cannot end at %: calls made since then were booked at it',
                    OLD.id, NEW.effective_to
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_booked_not_closed_before',
                      HINT = 'End it now or later; correct past calls with corrections.';
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER price_in_force BEFORE UPDATE OR DELETE ON catalog_price
    FOR EACH ROW EXECUTE FUNCTION catalog_price_guard();
"""

IN_FORCE_REVERSE = """
DROP TRIGGER price_in_force ON catalog_price;
DROP FUNCTION catalog_price_guard();
"""

# Every worker listens on this channel and reloads its snapshot of the configuration. PostgreSQL delivers at commit
# and folds equal notifications of one transaction into one.
TABLES = (
    "catalog_provider",
    "catalog_languagemodel",
    "catalog_price",
    "catalog_route",
    "catalog_routetarget",
    "catalog_team",
    "catalog_apikey",
)
ANNOUNCE = """
CREATE FUNCTION catalog_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tallygate_configuration', TG_TABLE_NAME);
    RETURN NULL;
END $$;
""" + "".join(
    f"""
CREATE TRIGGER {table}_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_announce();
"""
    for table in TABLES
)
ANNOUNCE_REVERSE = (
    "".join(f"DROP TRIGGER {table}_announced ON {table};\n" for table in TABLES)
    + "DROP FUNCTION catalog_announce();\n"
)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(NO_OVERLAP, NO_OVERLAP_REVERSE),
        migrations.RunSQL(IN_FORCE, IN_FORCE_REVERSE),
        migrations.RunSQL(ANNOUNCE, ANNOUNCE_REVERSE),
    ]

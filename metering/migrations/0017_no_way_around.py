"""No way around the closed months for a role that has the tables' rights and no more.

Temporary tables come before ours where no search path is set, and one of the same name would stand in for ours; a
transaction that began before a month was closed does not see that it is. What was decided is not emptied either.
"""

from django.db import migrations

FUNCTIONS = (
    "metering_last_closed()",
    "metering_closed_is_closed()",
    "metering_periods_close_in_order()",
    "metering_ledger_only_grows()",
    "metering_batch_is_kept()",
    "metering_raise_is_kept()",
)
PINNED = "".join(f"ALTER FUNCTION {name} SET search_path = pg_catalog, public, pg_temp;\n" for name in FUNCTIONS)
UNPINNED = "".join(f"ALTER FUNCTION {name} RESET search_path;\n" for name in FUNCTIONS)

LOOKS = """
CREATE FUNCTION metering_sees_the_present() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'entries are booked in READ COMMITTED: others do not see which months are closed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'cost_entry_sees_the_present';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cost_entry_sees_the_present BEFORE INSERT ON metering_costentry
    FOR EACH STATEMENT EXECUTE FUNCTION metering_sees_the_present();
CREATE TRIGGER limit_raise_never_truncated BEFORE TRUNCATE ON metering_limitraise
    FOR EACH STATEMENT EXECUTE FUNCTION metering_raise_is_kept();
CREATE TRIGGER reopening_never_truncated BEFORE TRUNCATE ON metering_reopening
    FOR EACH STATEMENT EXECUTE FUNCTION metering_raise_is_kept();
"""
LOOKS_REVERSE = """
DROP TRIGGER reopening_never_truncated ON metering_reopening;
DROP TRIGGER limit_raise_never_truncated ON metering_limitraise;
DROP TRIGGER cost_entry_sees_the_present ON metering_costentry;
DROP FUNCTION metering_sees_the_present();
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0016_corrections_found")]

    operations = [migrations.RunSQL(PINNED, UNPINNED), migrations.RunSQL(LOOKS, LOOKS_REVERSE)]

"""A month is closed by its closing and opened again by a decided reopening, for whoever changes its row by hand too;
and of a vendor's report it is known whether the vendor gave it or a person.

Note [A closing is written once]: its teams, lines and marks are written in the transaction that closes the month,
while it is 'closing'; after that, and for a closing that was reopened, nothing is added.
"""

from django.db import migrations, models

PINNED = "LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp"

PAPERS = f"""
CREATE FUNCTION metering_month_has_its_papers() RETURNS trigger {PINNED} AS $$
DECLARE
    standing bigint;  -- its last closing, unless that was reopened
    reopened boolean;
BEGIN
    SELECT c.id, EXISTS (SELECT 1 FROM metering_reopening r WHERE r.closing_id = c.id AND r.state = 'approved')
    INTO standing, reopened
    FROM metering_closing c WHERE c.period_id = NEW.id ORDER BY c.version DESC LIMIT 1;
    IF NEW.status = 'closed' AND (standing IS NULL OR reopened) THEN
        RAISE EXCEPTION '% is closed by its closing, which does not exist', to_char(NEW.month, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_period_has_its_closing';
    END IF;
    IF OLD.status = 'closed' AND standing IS NOT NULL AND NOT reopened THEN
        RAISE EXCEPTION '% is opened again by a reopening that was asked for and approved',
            to_char(NEW.month, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'billing_period_has_its_reopening';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_period_papers BEFORE UPDATE ON metering_billingperiod
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION metering_month_has_its_papers();
"""
PAPERS_REVERSE = """
DROP TRIGGER billing_period_papers ON metering_billingperiod;
DROP FUNCTION metering_month_has_its_papers();
"""

# How a row that was added leads to its closing.
WAYS = {
    "closing": "added.id",
    "closedteam": "added.closing_id",
    "closedline": "(SELECT t.closing_id FROM metering_closedteam t WHERE t.id = added.closed_team_id)",
    "closedblock": "(SELECT t.closing_id FROM metering_closedteam t WHERE t.id = added.closed_team_id)",
}


def _written_once(table: str, way: str) -> str:
    return f"""
CREATE FUNCTION metering_{table}_written_once() RETURNS trigger {PINNED} AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT {way} AS id FROM added) a
        JOIN metering_closing c ON c.id = a.id JOIN metering_billingperiod p ON p.id = c.period_id
        WHERE p.status <> 'closing'
            OR EXISTS (SELECT 1 FROM metering_reopening r WHERE r.closing_id = c.id AND r.state = 'approved')
    ) THEN
        RAISE EXCEPTION 'a closing is written while its month is closing, and once: INSERT on % is refused',
            TG_TABLE_NAME USING ERRCODE = 'restrict_violation', CONSTRAINT = '{table}_written_once';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER {table}_written_once AFTER INSERT ON metering_{table}
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION metering_{table}_written_once();
"""


# See Note [A closing is written once].
ONCE = "".join(_written_once(table, way) for table, way in WAYS.items())
ONCE_REVERSE = "".join(
    f"""
DROP TRIGGER {table}_written_once ON metering_{table};
DROP FUNCTION metering_{table}_written_once();
"""
    for table in WAYS
)


class Migration(migrations.Migration):
    dependencies = [("metering", "0017_no_way_around")]

    operations = [
        migrations.RunSQL(PAPERS, PAPERS_REVERSE),
        migrations.RunSQL(ONCE, ONCE_REVERSE),
        migrations.AddField(
            model_name='vendorreport',
            name='fetched',
            field=models.BooleanField(db_default=False, default=False, help_text='Asked for at the vendor with its admin key; else a file.'),
        ),
        migrations.AlterField(
            model_name='signoff',
            name='needs_two',
            field=models.BooleanField(help_text='One signature is not enough: a gap, or an own file.'),
        ),
    ]

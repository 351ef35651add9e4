"""What the reliability page needs of whole days is kept, as the other summaries are: docs/decisions/0028, 0033.

Note [Bins from a double]: the first 16 bits of an IEEE 754 double are its sign, its exponent (+ 1023) and the four bits
after the leading one: 16 to each doubling, counted through. 16.0 has 16432; metering.summaries.durations counts it 16.
"""

import importlib

import django.db.models.deletion
from django.db import migrations, models

_SUMMARIES = importlib.import_module("metering.migrations.0019_summaries")
_CHARGES = importlib.import_module("metering.migrations.0025_monthly_charges")

ENDS_KEY = ["day", "team_id", "route", "model_id", "kind", "first", "whole", "outcome", "error_class"]
ENDS_SUMS = ["entries", "cost", "unknown", "exposure", "unbounded"]
LATENCIES_KEY = ["day", "team_id", "route", "model_id", "first_token", "bin"]


def _ends_of(entry: str) -> str:
    """What an entry is counted as."""
    plain = {name: f"{entry}.{name}" for name in ENDS_KEY}
    first = f"{entry}.attempt = 1 AND {entry}.part = 0 AND {entry}.kind <> 'correction'"
    return ", ".join(f"{value} AS {name}" for name, value in {**plain, "first": first, "whole": f"{entry}.part = 0"}.items())


RELIABILITY = f"""
-- Exact below 32 ms, then 16 bins to each doubling: see Note [Bins from a double].
CREATE FUNCTION metering_latency_bin(ms integer) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (CASE WHEN ms < 16 THEN ms
        ELSE get_byte(float8send(ms), 0) * 256 + get_byte(float8send(ms), 1) - 16416 END)::smallint
$$;

CREATE FUNCTION metering_add_ends(past bigint, up_to bigint) RETURNS void {_SUMMARIES.PINNED} AS $$
BEGIN
    INSERT INTO metering_dailyends ({", ".join(ENDS_KEY + ENDS_SUMS)})
    SELECT {", ".join(ENDS_KEY)}, {", ".join(f"sum({name})" for name in ENDS_SUMS)} FROM (
        SELECT {_ends_of("e")}, 1 AS entries, coalesce(e.cost, 0) AS cost,
            CASE WHEN e.cost IS NULL AND e.kind <> 'correction' THEN 1 ELSE 0 END AS unknown,
            coalesce(e.exposure, 0) AS exposure,
            CASE WHEN e.cost IS NULL AND e.kind <> 'correction' AND e.exposure IS NULL THEN 1 ELSE 0 END AS unbounded
        FROM metering_costentry e WHERE e.id > past AND e.id <= up_to
        -- entries that a correction gave a cost: they are unknown no more
        UNION ALL
        SELECT {_ends_of("c")}, 0, 0, -1, 0, CASE WHEN c.exposure IS NULL THEN -1 ELSE 0 END
        FROM metering_costentry e JOIN metering_costentry c ON c.id = e.corrects_id
        WHERE e.id > past AND e.id <= up_to AND e.kind = 'correction' AND e.cost IS NOT NULL
            AND c.kind <> 'correction' AND c.cost IS NULL
            AND NOT EXISTS (SELECT 1 FROM metering_costentry x
                WHERE x.corrects_id = c.id AND x.kind = 'correction' AND x.cost IS NOT NULL AND x.id < e.id)
    ) counted GROUP BY {", ".join(ENDS_KEY)} ORDER BY {", ".join(ENDS_KEY)}
    ON CONFLICT ({", ".join(ENDS_KEY)}) DO UPDATE
    SET {_SUMMARIES._added("metering_dailyends", ENDS_SUMS)};
END $$;

CREATE FUNCTION metering_add_latencies(past bigint, up_to bigint) RETURNS void {_SUMMARIES.PINNED} AS $$
BEGIN
    INSERT INTO metering_dailylatencies ({", ".join(LATENCIES_KEY)}, answers)
    SELECT e.day, e.team_id, e.route, e.model_id, t.first_token, metering_latency_bin(t.ms), count(*)
    FROM metering_costentry e CROSS JOIN LATERAL (VALUES
        (false, e.latency_ms), (true, CASE WHEN e.streamed THEN e.first_byte_ms END)) t(first_token, ms)
    WHERE e.id > past AND e.id <= up_to AND t.ms IS NOT NULL
        AND e.kind = 'attempt' AND e.part = 0 AND e.outcome = 'ok'
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT ({", ".join(LATENCIES_KEY)}) DO UPDATE
    SET {_SUMMARIES._added("metering_dailylatencies", ["answers"])};
END $$;
"""
RELIABILITY_REVERSE = """
DROP FUNCTION metering_add_latencies(bigint, bigint);
DROP FUNCTION metering_add_ends(bigint, bigint);
DROP FUNCTION metering_latency_bin(integer);
"""
ADD_CHARGES = "PERFORM metering_add_charges(first, last);\n"
ADD_RELIABILITY = "    PERFORM metering_add_ends(first, last);\n    PERFORM metering_add_latencies(first, last);\n"
SUMMARISE = _CHARGES.SUMMARISE.replace(ADD_CHARGES, ADD_CHARGES + ADD_RELIABILITY)
assert SUMMARISE != _CHARGES.SUMMARISE
# Workers that add up meanwhile wait for the mark's row, and go on with the new function.
UP_TO_THE_MARK = """
DO $$
DECLARE
    mark bigint;
BEGIN
    SELECT entry INTO mark FROM metering_summarymark WHERE id = 1 FOR UPDATE;
    IF FOUND THEN
        PERFORM metering_add_ends(0, mark);
        PERFORM metering_add_latencies(0, mark);
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0025_monthly_charges")]

    operations = [
        migrations.CreateModel(
            name='DailyEnds',
            fields=[
                ('pk', models.CompositePrimaryKey(*ENDS_KEY, blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('route', models.CharField(max_length=200)),
                ('kind', models.CharField(max_length=10)),
                ('first', models.BooleanField(help_text='First attempts and cache hits: one for each request.')),
                ('whole', models.BooleanField(help_text='No further parts of an attempt.')),
                ('outcome', models.CharField(max_length=13)),
                ('error_class', models.CharField(blank=True, max_length=20)),
                ('entries', models.BigIntegerField(db_default=0, default=0)),
                ('cost', models.DecimalField(db_default=0, decimal_places=12, default=0, help_text='USD of those of known cost.', max_digits=28)),
                ('unknown', models.BigIntegerField(db_default=0, default=0, help_text='Entries of unknown cost (net of corrections).')),
                ('exposure', models.DecimalField(db_default=0, decimal_places=12, default=0, help_text='USD that those of unknown cost cost at most (net of corrections).', max_digits=28)),
                ('unbounded', models.BigIntegerField(db_default=0, default=0, help_text='Those of unknown cost of which nobody knows what they cost at most.')),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'verbose_name_plural': 'daily ends',
                'ordering': ['-day', 'team'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='DailyLatencies',
            fields=[
                ('pk', models.CompositePrimaryKey(*LATENCIES_KEY, blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('route', models.CharField(max_length=200)),
                ('first_token', models.BooleanField(help_text='To the first byte of streams, else to the end of answers.')),
                ('bin', models.PositiveSmallIntegerField()),
                ('answers', models.BigIntegerField(db_default=0, default=0)),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'verbose_name_plural': 'daily latencies',
                'ordering': ['-day', 'team', 'model', 'bin'],
                'default_permissions': (),
            },
        ),
        migrations.RunSQL(RELIABILITY, RELIABILITY_REVERSE),
        migrations.RunSQL(SUMMARISE, _CHARGES.SUMMARISE),
        migrations.RunSQL(UP_TO_THE_MARK, migrations.RunSQL.noop),
    ]

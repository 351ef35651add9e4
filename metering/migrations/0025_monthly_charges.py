"""What a month's statements are made of is kept, as the other summaries are, up to the mark: docs/decisions/0033.

Note [What an entry is charged as]: as metering.closing.groups has it. A reversing entry belongs to the group of what
it takes back; all of that is in rows that never change, so an entry's group is the same whenever it is added up.
"""

import importlib

import django.db.models.deletion
from django.db import migrations, models

_SUMMARIES = importlib.import_module("metering.migrations.0019_summaries")

KEY = ["month", "team_id", "model_id", "variant", "basis", "price_id", "charged", "reference"]
SUMS = ["entries", "unpriced", "exposure", *_SUMMARIES.BUCKETS, "cost"]
TAKEN_BACK = ", ".join(
    f"CASE WHEN e.reverses THEN c.{name} ELSE e.{name} END AS {name}"
    for name in ("kind", "batch_id", "note", "variant", "cost", "cost_reason", "price_id")
)
# What a call taken for lost had used after all is priced as any answer is, though it is booked as a correction.
ADJUSTS = """o.kind = 'correction' AND (ob.kind IS NOT DISTINCT FROM 'adjustment'
        OR (o.batch_id IS NULL AND o.note <> 'settled after the sweep'))"""

CHARGES = f"""
CREATE FUNCTION metering_add_charges(first bigint, last bigint) RETURNS void {_SUMMARIES.PINNED} AS $$
BEGIN
    INSERT INTO metering_monthlycharge ({", ".join(KEY + SUMS)})
    SELECT {", ".join(KEY)}, {", ".join(f"sum({name})" for name in SUMS)} FROM (
        SELECT metering_period(e.day, e.billed_in) AS month, e.team_id, e.model_id, o.variant,
            CASE WHEN {ADJUSTS} THEN 'adjustment'
                WHEN o.cost IS NULL THEN 'unpriced'
                WHEN o.cost_reason = 'reported' THEN 'reported'
                WHEN o.cost_reason IN ('not_billed', 'cache_hit') THEN 'not_billed'
                ELSE 'price' END AS basis,
            o.price_id, CASE WHEN e.billed_in IS NOT NULL THEN e.day END AS charged,
            CASE WHEN e.kind <> 'correction' OR (e.billed_in IS NULL AND NOT ({ADJUSTS})) THEN ''
                WHEN e.batch_id IS NOT NULL THEN 'batch ' || e.batch_id || ': ' || left(b.reason, 290)
                ELSE e.note END AS reference,
            1 AS entries, CASE WHEN e.cost IS NULL AND e.kind <> 'correction' THEN 1 ELSE 0 END AS unpriced,
            coalesce(e.exposure, 0) AS exposure, coalesce(e.cost, 0) AS cost,
            {", ".join(f"coalesce(e.{bucket}, 0) AS {bucket}" for bucket in _SUMMARIES.BUCKETS)}
        FROM metering_costentry e
        LEFT JOIN metering_costentry c ON c.id = e.corrects_id
        LEFT JOIN metering_correctionbatch b ON b.id = e.batch_id
        CROSS JOIN LATERAL (SELECT {TAKEN_BACK}) o
        LEFT JOIN metering_correctionbatch ob ON ob.id = o.batch_id
        WHERE e.id > first AND e.id <= last
        -- entries that a correction gave a cost, in the month that they are billed in: they are unknown no more
        UNION ALL
        SELECT metering_period(c.day, c.billed_in), c.team_id, c.model_id, c.variant, 'unpriced', c.price_id,
            CASE WHEN c.billed_in IS NOT NULL THEN c.day END, '', 0, -1, 0, 0,
            {", ".join("0" for _ in _SUMMARIES.BUCKETS)}
        FROM metering_costentry e JOIN metering_costentry c ON c.id = e.corrects_id
        WHERE e.id > first AND e.id <= last AND e.kind = 'correction' AND e.cost IS NOT NULL
            AND c.kind <> 'correction' AND c.cost IS NULL
            AND metering_period(c.day, c.billed_in) = metering_period(e.day, e.billed_in)
            AND NOT EXISTS (SELECT 1 FROM metering_costentry x
                WHERE x.corrects_id = c.id AND x.cost IS NOT NULL AND x.id < e.id)
    ) charged GROUP BY {", ".join(KEY)} ORDER BY {", ".join(KEY)}
    ON CONFLICT ({", ".join(KEY)}) DO UPDATE
    SET {_SUMMARIES._added("metering_monthlycharge", SUMS)};
END $$;
"""
CHARGES_REVERSE = "DROP FUNCTION metering_add_charges(bigint, bigint);"
_FROM = _SUMMARIES.SETTLED.index("CREATE FUNCTION metering_summarise(")
_AS_BEFORE = _SUMMARIES.SETTLED[_FROM : _SUMMARIES.SETTLED.index("-- Takes the lock")].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1
)
_DEAREST = _SUMMARIES.DEAREST.lstrip()
SUMMARISE = _AS_BEFORE.replace(_DEAREST, f"{_DEAREST}    PERFORM metering_add_charges(first, last);\n")
assert SUMMARISE != _AS_BEFORE
# Workers that add up meanwhile wait for the mark's row, and go on with the new function.
UP_TO_THE_MARK = """
DO $$
DECLARE
    mark bigint;
BEGIN
    SELECT entry INTO mark FROM metering_summarymark WHERE id = 1 FOR UPDATE;
    IF FOUND THEN
        PERFORM metering_add_charges(0, mark);
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0024_page_indexes")]

    operations = [
        migrations.CreateModel(
            name='MonthlyCharge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('variant', models.CharField(max_length=10)),
                ('basis', models.CharField(help_text='Where the amount comes from.', max_length=12)),
                ('charged', models.DateField(null=True)),
                ('reference', models.CharField(blank=True, help_text="The batch, or the correction's note.", max_length=320)),
                ('entries', models.BigIntegerField(db_default=0, default=0)),
                ('unpriced', models.BigIntegerField(db_default=0, default=0, help_text='Entries whose cost is unknown (net of corrections).')),
                ('exposure', models.DecimalField(db_default=0, decimal_places=12, default=0, help_text='USD that those of unknown cost cost at most.', max_digits=28)),
                ('input', models.BigIntegerField(db_default=0, default=0)),
                ('cache_read', models.BigIntegerField(db_default=0, default=0)),
                ('cache_write_5m', models.BigIntegerField(db_default=0, default=0)),
                ('cache_write_1h', models.BigIntegerField(db_default=0, default=0)),
                ('output', models.BigIntegerField(db_default=0, default=0)),
                ('reasoning', models.BigIntegerField(db_default=0, default=0)),
                ('audio_input', models.BigIntegerField(db_default=0, default=0)),
                ('audio_output', models.BigIntegerField(db_default=0, default=0)),
                ('requests', models.BigIntegerField(db_default=0, default=0)),
                ('cost', models.DecimalField(db_default=0, decimal_places=12, default=0, max_digits=28)),
                ('model', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.languagemodel')),
                ('price', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.price')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.team')),
            ],
            options={
                'ordering': ['-month', 'team'],
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('month__day', 1)), name='monthly_charge_begins_a_month')],
            },
        ),
        migrations.AddConstraint(  # by itself, so that it is there when the sums are added
            model_name='monthlycharge',
            constraint=models.UniqueConstraint(fields=('month', 'team', 'model', 'variant', 'basis', 'price', 'charged', 'reference'), name='monthly_charge_once_per_group', nulls_distinct=False),
        ),
        migrations.RunSQL(CHARGES, CHARGES_REVERSE),
        migrations.RunSQL(SUMMARISE, _AS_BEFORE),
        migrations.RunSQL(UP_TO_THE_MARK, migrations.RunSQL.noop),
    ]

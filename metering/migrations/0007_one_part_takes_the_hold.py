"""Only the called model's entry takes the hold.

In 0004 whichever part of an attempt came first took the hold of the whole attempt, and so did a correction of it.
When the worker died between two parts, the first part's cost was lost with no hold left to sweep. Now a hold stands
until part 0 is booked (or released); a further part settled alone leaves it where it is.

The function is that of 0004 with this one condition. It stands inside the comparison, so that the planner expects
as many rows as before and keeps its plan.
"""

import importlib

from django.db import migrations

_BEFORE = importlib.import_module("metering.migrations.0004_parts_and_reported_cost")
ANY_PART = "ON h.request_id = e.request_id AND h.attempt = e.attempt"
FIRST_PART = """ON h.request_id = e.request_id
            AND h.attempt = CASE WHEN coalesce(e.part, 0) = 0 AND e.kind <> 'correction' THEN e.attempt END"""
SETTLE = FIRST_PART.join(_BEFORE.SETTLE.split(ANY_PART))


class Migration(migrations.Migration):
    dependencies = [("metering", "0006_kept_answers")]

    operations = [migrations.RunSQL(SETTLE, _BEFORE.SETTLE)]

"""Answers that are kept for requests with an Idempotency-Key."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("proxy", "0003_refusals")]

    operations: list[object] = []

"""What vendors say they charged, beside the ledger."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("metering", "0013_closing")]

    operations: list[object] = []

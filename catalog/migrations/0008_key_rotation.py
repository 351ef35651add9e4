from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0007_drafts_stay")]

    operations = []

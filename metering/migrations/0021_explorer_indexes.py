from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("metering", "0020_saved_views")]

    operations = []

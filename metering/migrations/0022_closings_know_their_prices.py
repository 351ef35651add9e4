"""A closing knows which price rows there were: a model's first price, which may begin in the past, changes no closed
month.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0021_explorer_indexes")]

    operations = [
        migrations.AddField(
            model_name='closing',
            name='last_price',
            field=models.BigIntegerField(help_text='The newest price row of that moment: later ones are not in the price list.', null=True),
        ),
    ]

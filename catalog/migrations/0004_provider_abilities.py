"""A provider says what its endpoint can do beside chat completions: Responses, and fetching links itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_reported_cost")]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="follows_links",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Off for vendors that cannot reach the internet, such as a server of your own: the gateway"
                " then fetches linked images and files itself.",
                verbose_name="fetches links in messages",
            ),
        ),
        migrations.AddField(
            model_name="provider",
            name="serves_responses",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="For OpenAI-compatible vendors: calls of /v1/responses are passed on as they are, not "
                "translated. OpenAI itself always has it.",
                verbose_name="has OpenAI's Responses API",
            ),
        ),
    ]

"""What people keep of the overview: its filters under a name."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0019_summaries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("query", models.TextField()),
                (
                    "shared",
                    models.BooleanField(default=False, help_text="With everybody who may read spend."),
                ),
                ("created_at", models.DateTimeField(help_text="When it was saved.")),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(shared=True), fields=["name"], name="saved_view_shared"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "name"), name="saved_view_name_once_per_owner"),
                    models.CheckConstraint(condition=~models.Q(name=""), name="saved_view_has_a_name"),
                    models.CheckConstraint(
                        condition=LessThanOrEqual(Length("query"), 2000), name="saved_view_query_bounded"
                    ),
                ],
            },
        ),
    ]

"""Answers that are kept for requests with an Idempotency-Key."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_reliability_policies"),
        ("proxy", "0003_refusals"),
    ]

    operations = [
        migrations.CreateModel(
            name="IdempotentCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("path", models.TextField(help_text="Where it was sent, such as /v1/messages.")),
                ("route", models.TextField(help_text="The model's name as the caller gave it.")),
                ("key", models.TextField(help_text="The caller's own.")),
                (
                    "fingerprint",
                    models.BinaryField(help_text="SHA-256 of the canonical body without its stream flag."),
                ),
                ("request_id", models.UUIDField(help_text="Of the request that is, or was, answered.")),
                ("worker", models.UUIDField(help_text="Whose lease says whether it is still at it.")),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("in_flight", "In Flight"),
                            ("kept", "Kept"),
                            ("charged", "Charged"),
                            ("too_large", "Too Large"),
                        ],
                        default="in_flight",
                    ),
                ),
                ("lost_after", models.DateTimeField(help_text="In flight: no call lasts longer.", null=True)),
                ("status", models.SmallIntegerField(help_text="HTTP status of the answer.", null=True)),
                ("streamed", models.BooleanField(default=False, help_text="Whether the answer is a stream.")),
                ("sealed", models.TextField(blank=True, help_text="The answer, encrypted.")),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="catalog.team",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
                "default_permissions": (),
                "indexes": [models.Index(fields=["expires_at"], name="idempotent_call_expires")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("team", "path", "route", "key"), name="idempotent_call_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key", ""), _negated=True), name="idempotent_call_key_given"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["in_flight", "kept", "charged", "too_large"])),
                        name="idempotent_call_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lost_after__isnull", False), ("state", "in_flight")),
                            models.Q(
                                models.Q(("state", "in_flight"), _negated=True), ("lost_after__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="idempotent_call_in_flight_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state", "kept"),
                                ("status__isnull", False),
                                models.Q(("sealed", ""), _negated=True),
                            ),
                            models.Q(models.Q(("state", "kept"), _negated=True), ("sealed", "")),
                            _connector="OR",
                        ),
                        name="idempotent_call_kept_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="idempotent_call_expires_later",
                    ),
                ],
            },
        ),
    ]

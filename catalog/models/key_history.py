"""What became of a key: the secrets it had before, and who did what with it, when and why."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models.access import ApiKey


class FormerSecret(models.Model):
    """A secret that a key had before. It works on until ``ends_at``, so that callers can change over.

    The key stays the key: calls with its old secret count for its limits and are booked on it, as those with
    the new one. So a rotation is no way around a key's budget.
    """

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="former_secrets")
    prefix = models.CharField(max_length=16, unique=True, help_text="The public part.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    replaced_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="Calls with it are refused from here on.")

    class Meta:
        default_permissions = ()  # seen and ended on the key's page, by whoever may manage the key
        ordering = ["-replaced_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="former_secret_digest_is_sha256", condition=Q(digest__regex=r"^[0-9a-f]{64}$")
            ),
            models.CheckConstraint(
                name="former_secret_ends_after_it_was_replaced", condition=Q(ends_at__gte=F("replaced_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}... until {self.ends_at:%Y-%m-%d %H:%M %Z}"


class KeyEvent(models.Model):
    """What was done with a key. Rows are only added (a trigger refuses the rest).

    ``by`` None: the command line, or the installation itself. ``prefix``: the secret it is about.
    """

    class Action(models.TextChoices):
        CREATED = "created", "created"
        ROTATED = "rotated", "given a new secret"
        ENDED = "ended", "old secret ended"
        REVOKED = "revoked", "revoked"

    key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="events")
    action = models.CharField(max_length=8, choices=Action.choices)
    prefix = models.CharField(max_length=16)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()  # seen on the key's page
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="key_event_action_known",
                condition=Q(action__in=["created", "rotated", "ended", "revoked"]),
            ),
            models.CheckConstraint(
                name="key_event_by_a_person_says_why", condition=Q(by__isnull=True) | ~Q(reason="")
            ),
            models.UniqueConstraint(
                fields=["key", "action"],
                condition=Q(action__in=["created", "revoked"]),
                name="key_event_begins_and_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.action}"

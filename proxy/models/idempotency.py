"""Requests that must be billed once, however often their callers send them."""

from django.db import models
from django.db.models import Q

from catalog.models import Team


class IdempotentCall(models.Model):
    """One use of an ``Idempotency-Key``: whose, for what, and the answer. The unique constraint is the lock
    between workers and hosts. ``proxy.idempotency.store`` alone writes these rows; they are forgotten after
    ``expires_at``, and hold no figure that the ledger does not have.
    """

    class State(models.TextChoices):
        IN_FLIGHT = "in_flight"  # being answered by ``worker``
        KEPT = "kept"  # answered, and the answer is here
        CHARGED = "charged"  # booked in the ledger; the answer is not here
        TOO_LARGE = "too_large"  # the same, because of the answer's size

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    path = models.TextField(help_text="Where it was sent, such as /v1/messages.")
    route = models.TextField(help_text="The model's name as the caller gave it.")
    key = models.TextField(help_text="The caller's own.")
    fingerprint = models.BinaryField(help_text="SHA-256 of the canonical body without its stream flag.")
    request_id = models.UUIDField(help_text="Of the request that is, or was, answered.")
    worker = models.UUIDField(help_text="Whose lease says whether it is still at it.")
    state = models.TextField(choices=State, default=State.IN_FLIGHT)
    lost_after = models.DateTimeField(null=True, help_text="In flight: no call lasts longer.")
    status = models.SmallIntegerField(null=True, help_text="HTTP status of the answer.")
    streamed = models.BooleanField(default=False, help_text="Whether the answer is a stream.")
    sealed = models.TextField(blank=True, help_text="The answer, encrypted.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]
        default_permissions = ()  # answers are their callers' alone
        indexes = [models.Index(fields=["expires_at"], name="idempotent_call_expires")]
        constraints = [
            models.UniqueConstraint(fields=["team", "path", "route", "key"], name="idempotent_call_once"),
            models.CheckConstraint(name="idempotent_call_key_given", condition=~Q(key="")),
            models.CheckConstraint(
                name="idempotent_call_state_known",
                condition=Q(state__in=["in_flight", "kept", "charged", "too_large"]),
            ),
            models.CheckConstraint(
                name="idempotent_call_in_flight_ends",
                condition=Q(state="in_flight", lost_after__isnull=False)
                | (~Q(state="in_flight") & Q(lost_after__isnull=True)),
            ),
            models.CheckConstraint(
                name="idempotent_call_kept_whole",
                condition=(Q(state="kept", status__isnull=False) & ~Q(sealed=""))
                | (~Q(state="kept") & Q(sealed="")),
            ),
            models.CheckConstraint(
                name="idempotent_call_expires_later", condition=Q(expires_at__gt=models.F("created_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.path} {self.key}: {self.state}"

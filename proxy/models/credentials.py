"""Credentials that vendors refused or throttled, as all workers share it."""

from django.db import models
from django.db.models import Q

from catalog.models import Credential, LanguageModel, Provider


class CredentialState(models.Model):
    """Until when a credential rests: for one model (throttled, forbidden) or for all (rejected, no money).

    ``credential`` empty: the provider's own. A row whose time is over says nothing any more.
    """

    class Reason(models.TextChoices):
        RATE_LIMITED = "rate_limited", "Throttled by the vendor"
        REJECTED = "rejected", "Rejected by the vendor"
        NO_FUNDS = "no_funds", "The vendor's account has no money"

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="credential_states")
    credential = models.ForeignKey(
        Credential, on_delete=models.CASCADE, related_name="states", null=True, blank=True
    )
    model = models.ForeignKey(
        LanguageModel, on_delete=models.CASCADE, related_name="credential_states", null=True, blank=True
    )
    reason = models.CharField(max_length=12, choices=Reason.choices)
    since = models.DateTimeField(help_text="The first refusal in a row.")
    until = models.DateTimeField()
    times = models.PositiveIntegerField(default=1, help_text="Refusals in a row.")
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=80, blank=True, help_text="The vendor's word.")
    request_id = models.UUIDField(null=True, blank=True, help_text="Of the call that was refused last.")
    fingerprint = models.CharField(
        max_length=16, blank=True, help_text="Of the secret that was refused: another one is free at once."
    )

    class Meta:
        ordering = ["provider__name", "-until"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "credential", "model"], name="credential_state_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                name="credential_state_reason_known",
                condition=Q(reason__in=["rate_limited", "rejected", "no_funds"]),
            ),
            models.CheckConstraint(name="credential_state_period", condition=Q(until__gte=models.F("since"))),
            models.CheckConstraint(
                name="credential_state_scope",
                condition=~Q(reason="no_funds") | Q(model__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.credential.name if self.credential else 'default'}: {self.reason}"

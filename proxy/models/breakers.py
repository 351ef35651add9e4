"""Circuit breakers as all workers share them, and how they came to be as they are."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models import LanguageModel, Provider


class Breaker(models.Model):
    """The breaker of a provider (no model) or of one of its models; ``proxy.reliability`` alone writes it."""

    class State(models.TextChoices):
        CLOSED = "closed", "Closed"
        OPEN = "open", "Open"
        HALF_OPEN = "half_open", "Half open"

    class Forced(models.TextChoices):
        NOT = "", "By itself"
        OPEN = "open", "Held open"
        CLOSED = "closed", "Held closed"

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="breakers")
    model = models.ForeignKey(
        LanguageModel, on_delete=models.PROTECT, related_name="breakers", null=True, blank=True
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.CLOSED)
    version = models.BigIntegerField(
        default=0,
        help_text="Grows with every change: what was read earlier never hides what was written later.",
    )
    generation = models.BigIntegerField(
        default=0,
        help_text="Grows with every opening and closing: late results of an earlier one do not count.",
    )
    opened_at = models.DateTimeField(null=True, blank=True)
    probe_worker = models.UUIDField(null=True, blank=True, help_text="Whose call is the one probe.")
    probe_expires_at = models.DateTimeField(null=True, blank=True)
    drained_since = models.DateTimeField(
        null=True, blank=True, help_text="Slow for too long: tried last, until a probe is fast again."
    )
    forced = models.CharField(max_length=6, choices=Forced.choices, default=Forced.NOT, blank=True)
    note = models.CharField(max_length=500, blank=True, help_text="Why it is held.")
    counts: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(
        default=dict, blank=True, help_text="What was counted in the window, with samples of the errors."
    )
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["provider__name", F("model__name").asc(nulls_first=True)]
        constraints = [
            models.UniqueConstraint(fields=["provider", "model"], name="breaker_once", nulls_distinct=False),
            models.CheckConstraint(
                name="breaker_state_known", condition=Q(state__in=["closed", "open", "half_open"])
            ),
            models.CheckConstraint(
                name="breaker_forced_known", condition=Q(forced__in=["", "open", "closed"])
            ),
            models.CheckConstraint(
                name="breaker_open_since",
                condition=Q(state="closed", opened_at__isnull=True)
                | Q(state__in=["open", "half_open"], opened_at__isnull=False),
            ),
            models.CheckConstraint(
                name="breaker_probe_whole",
                condition=Q(probe_worker__isnull=True, probe_expires_at__isnull=True)
                | Q(probe_worker__isnull=False, probe_expires_at__isnull=False),
            ),
            models.CheckConstraint(
                name="breaker_probe_half_open", condition=Q(probe_worker__isnull=True) | Q(state="half_open")
            ),
            models.CheckConstraint(
                name="breaker_drain_of_provider",
                condition=Q(drained_since__isnull=True) | Q(model__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.model or self.provider)


class BreakerEvent(models.Model):
    """One transition, with its reason and evidence. Only grows (a trigger refuses changes)."""

    class Reason(models.TextChoices):
        CONSECUTIVE_FAILURES = "consecutive_failures", "Failures in a row"
        FAILURE_RATE = "failure_rate", "Failure rate"
        SLOW_RATE = "slow_rate", "Slow-call rate"
        COOLDOWN_OVER = "cooldown_over", "Cool-down over, one probe"
        PROBE_FAILED = "probe_failed", "Probe failed"
        PROBE_SUCCEEDED = "probe_succeeded", "Probe succeeded"
        DRAINED = "drained", "p99 too slow for too long"
        RETURNED = "returned", "Fast again"
        MANUAL = "manual", "By hand"

    breaker = models.ForeignKey(Breaker, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(db_index=True)
    was = models.CharField(max_length=9, choices=Breaker.State.choices)
    now = models.CharField(max_length=9, choices=Breaker.State.choices)
    reason = models.CharField(max_length=20, choices=Reason.choices)
    evidence: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(
        default=dict, help_text="Counts, sample errors, request ids."
    )
    worker = models.UUIDField(null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="breaker_event_reason_known",
                condition=Q(
                    reason__in=[
                        *("consecutive_failures", "failure_rate", "slow_rate", "cooldown_over"),
                        *("probe_failed", "probe_succeeded", "drained", "returned", "manual"),
                    ]
                ),
            ),
            models.CheckConstraint(
                name="breaker_event_manual_has_person",
                condition=Q(reason="manual", by__isnull=False) | (~Q(reason="manual") & Q(by__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.was} -> {self.now}"

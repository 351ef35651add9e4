"""Active health checks: the last answer of each provider that is checked."""

from django.db import models
from django.db.models import Q

from catalog.models import Provider


class HealthCheck(models.Model):
    """The vendor's free list of models, asked every so often by one worker. Costs nothing and is no call of a
    team: it is in no ledger and no budget."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, related_name="health_check")
    claimed_at = models.DateTimeField(help_text="When a worker last took the check upon itself.")
    checked_at = models.DateTimeField(null=True, blank=True)
    healthy = models.BooleanField(null=True, blank=True, help_text="Empty: not yet known.")
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    detail = models.CharField(max_length=200, blank=True, help_text="What was wrong.")
    in_a_row = models.PositiveIntegerField(default=0, help_text="Checks with the same outcome.")

    class Meta:
        ordering = ["provider__name"]
        constraints = [
            models.CheckConstraint(
                name="health_check_whole",
                condition=Q(healthy__isnull=True, checked_at__isnull=True)
                | Q(healthy__isnull=False, checked_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        said = {None: "not yet checked", True: "healthy", False: "unhealthy"}[self.healthy]
        return f"{self.provider}: {said}"

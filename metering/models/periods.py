"""Business months and whether entries may still be billed in them."""

from django.db import models
from django.db.models import Q


class BillingPeriod(models.Model):
    """One business month, known by its first day. A month without a row, after the last closed one, is open.

    ``closing``  entries are still billed in it, flagged ``late``
    ``closed``   never again: the database refuses them (see migration 0010); what belongs to it is billed in
                 the first month after it that is not closed, on its own charge day
    Months are closed in order, and only the last closed one can be opened again.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSING = "closing"
        CLOSED = "closed"

    month = models.DateField(unique=True, help_text="Its first day, in the business time zone.")
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-month"]
        permissions = [("close_billingperiod", "Can close months, waive obstacles, ask to reopen")]
        constraints = [
            models.CheckConstraint(
                name="billing_period_status_known", condition=Q(status__in=["open", "closing", "closed"])
            ),
            models.CheckConstraint(name="billing_period_begins_a_month", condition=Q(month__day=1)),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} ({self.status})"

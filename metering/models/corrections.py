"""Why entries were corrected: the batch that reversing and new entries share."""

from django.db import models
from django.db.models import Q


class CorrectionBatch(models.Model):
    """One correction of many entries: for each a reversing entry and, when there is one, a new entry.

    The table exists so that totals move by exactly what a person gave a reason for. A batch is ``running``
    while its entries are being written (in several transactions, so that calls are never held up for long),
    then ``done`` with its figures, and never changes again (a trigger refuses it).
    """

    class Kind(models.TextChoices):
        RE_RATE = "re_rate", "priced again"
        ADJUSTMENT = "adjustment", "adjusted by a person"

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RE_RATE)
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    reason = models.CharField(max_length=500)
    author = models.CharField(max_length=150, help_text="Who corrected: the user's name at that time.")
    scope: "models.JSONField[dict[str, str], dict[str, str]]" = models.JSONField(
        default=dict, help_text="What was asked to be corrected: days, model, team ..."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)
    corrected = models.BigIntegerField(default=0, help_text="Entries that were corrected.")
    amount = models.DecimalField(
        max_digits=28, decimal_places=12, default=0, help_text="USD by which the total moved."
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "correction batches"
        permissions = [("correct_costentry", "Can correct cost entries: re-rate and adjust")]
        constraints = [
            models.CheckConstraint(
                name="correction_batch_kind_known", condition=Q(kind__in=["re_rate", "adjustment"])
            ),
            models.CheckConstraint(
                name="correction_batch_done_or_running",
                condition=Q(state="running", done_at__isnull=True) | Q(state="done", done_at__isnull=False),
            ),
            models.CheckConstraint(
                name="correction_batch_says_who_and_why", condition=~Q(reason="") & ~Q(author="")
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}: {self.reason}"

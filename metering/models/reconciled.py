"""What a comparison with a vendor found, and what people said of it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models import Provider
from metering.models.reconciliation import Meter, Reason, ReconciliationRun, quantity, usd


class ReconciliationLine(models.Model):
    """One day, model and token type of a run: ours, theirs, the gap and why. NULL: not known, or not said."""

    class Status(models.TextChoices):
        MATCHED = "matched", "matched"
        EXPLAINED = "explained", "explained"
        OPEN = "open", "open"
        UNREPORTED = "unreported", "no report of the day"

    class Triage(models.TextChoices):
        """Which of the two figures differs: first quantities are compared, then the formula and the price."""

        NOTHING = "", "nothing"
        QUANTITY = "quantity", "the quantity differs"
        PRICE = "price", "same quantity, another price"
        MONEY = "money", "the money differs, the quantity is not told"

    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="lines", db_index=False)
    number = models.PositiveIntegerField()
    day = models.DateField(help_text="UTC.")
    model = models.CharField(max_length=200, blank=True, help_text="Ours where it is known, else theirs.")
    meter = models.CharField(max_length=14, choices=Meter.choices)
    item = models.CharField(
        max_length=300, blank=True, help_text="The vendor's line, where it is not tokens."
    )
    ours_quantity = quantity(null=True)
    theirs_quantity = quantity(null=True)
    ours_usd = usd(null=True)
    theirs_usd = usd(null=True)
    gap_quantity = quantity(null=True)
    gap_usd = usd(null=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    triage = models.CharField(max_length=8, choices=Triage.choices, blank=True)
    reason = models.CharField(max_length=6, choices=Reason.choices, blank=True)
    evidence = models.CharField(max_length=1000, blank=True)
    explained_by = models.CharField(max_length=150, blank=True, help_text="The person, where one did.")

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="reconciliation_line_once"),
            models.CheckConstraint(
                name="reconciliation_line_status_known",
                condition=Q(status__in=["matched", "explained", "open", "unreported"]),
            ),
            models.CheckConstraint(
                name="reconciliation_line_explained_by_a_reason",
                condition=~Q(status="explained") | (~Q(reason="") & ~Q(evidence="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.meter}"


class GapExplanation(models.Model):
    """A person's word on one gap. It holds for the gap as it was, not for one that has moved since."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField(help_text="UTC.")
    model = models.CharField(max_length=200, blank=True)
    meter = models.CharField(max_length=14, choices=Meter.choices)
    item = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=6, choices=Reason.choices)
    note = models.CharField(max_length=500)
    gap_usd = usd(null=True, help_text="As it was.")
    gap_quantity = quantity(null=True, help_text="As it was.")
    author = models.CharField(max_length=150, help_text="The user's name at that time.")
    created_at = models.DateTimeField(help_text="When it was said.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["provider", "day"], name="gap_explanation_provider_day")]
        constraints = [
            models.CheckConstraint(
                name="gap_explanation_reason_known", condition=Q(reason__in=Reason.values)
            ),
            models.CheckConstraint(
                name="gap_explanation_says_who_and_why", condition=~Q(note="") & ~Q(author="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.reason}"


class SignOff(models.Model):
    """That a vendor's month is accepted as it is in one run. Beyond the tolerance two people sign."""

    class State(models.TextChoices):
        WAITING = "waiting", "waits for a second person"
        SIGNED = "signed", "signed"
        WITHDRAWN = "withdrawn", "withdrawn"

    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="sign_offs")
    state = models.CharField(max_length=9, choices=State.choices)
    needs_two = models.BooleanField(help_text="One signature is not enough: a gap, or an own file.")
    note = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    signed_at = models.DateTimeField(null=True, blank=True)
    self_approved = models.BooleanField(default=False)
    second_note = models.CharField(
        max_length=500, blank=True, default="", db_default="", help_text="What the second person says."
    )

    class Meta:
        ordering = ["-id"]
        permissions = [("sign_reconciliation", "Can sign off a vendor's month")]
        constraints = [
            models.CheckConstraint(
                name="sign_off_state_known", condition=Q(state__in=["waiting", "signed", "withdrawn"])
            ),
            models.UniqueConstraint(
                fields=["run"], condition=~Q(state="withdrawn"), name="sign_off_once_per_run"
            ),
            models.CheckConstraint(
                name="sign_off_signed_by_somebody",
                condition=Q(state="signed", signed_by__isnull=False, signed_at__isnull=False)
                | (~Q(state="signed") & Q(second_note="", signed_by__isnull=True, signed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="sign_off_by_two_people",
                condition=Q(needs_two=False)
                | Q(signed_by__isnull=True)
                | ~Q(signed_by=F("asked_by"))
                | Q(self_approved=True),
            ),
            models.CheckConstraint(
                name="sign_off_gap_has_a_note", condition=Q(needs_two=False) | ~Q(note="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} ({self.state})"

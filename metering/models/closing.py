"""Closed months: what was reported for them, sealed; who waived what; who opened one again."""

import datetime as dt
import decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models import LanguageModel, Price, Team
from metering.models.periods import BillingPeriod

A_DIGEST = r"^[0-9a-f]{64}$"


def _digest(help_text: str) -> "models.CharField[str, str]":
    return models.CharField(max_length=64, help_text=help_text)


def _sum(**options: Any) -> "models.DecimalField[object, decimal.Decimal]":
    return models.DecimalField(max_digits=28, decimal_places=12, **options)


class Closing(models.Model):
    """One close of one month: what its entries came to at that moment. Never changes (a trigger refuses it).

    The table exists so that a number once reported stays reported: statements and files of a closed month are
    made from it, not from the ledger. A month that was opened again gets another closing, ``version`` 2; its
    first stays readable. ``head`` seals the whole snapshot and the head of the month before
    (docs/decisions/0030).
    """

    period = models.ForeignKey(BillingPeriod, on_delete=models.PROTECT, related_name="closings")
    version = models.PositiveSmallIntegerField()
    closed_at = models.DateTimeField()
    closed_by = models.CharField(max_length=150, help_text="The user's name at that time.")
    time_zone = models.CharField(max_length=60, help_text="The business time zone when it was closed.")
    entries = models.BigIntegerField()
    last_entry = models.BigIntegerField(
        null=True, help_text="The last of them; empty for a month without any."
    )
    unpriced = models.BigIntegerField(help_text="Entries whose cost was still unknown.")
    amount = _sum()
    price_list = _digest("SHA-256 over the prices in force in the month.")
    last_price = models.BigIntegerField(
        null=True, help_text="The newest price row of that moment: later ones are not in the price list."
    )
    names: "models.JSONField[dict[str, dict[str, str]], dict[str, dict[str, str]]]" = models.JSONField(
        help_text="What models and keys were called at that time, by id."
    )
    waived: "models.JSONField[list[dict[str, str]], list[dict[str, str]]]" = models.JSONField(
        default=list, help_text="What was not settled when it was closed, and who let it pass."
    )
    layout = models.PositiveSmallIntegerField(help_text="Which canonical row the chain is made of.")
    previous_head = models.CharField(
        max_length=64, blank=True, help_text="Of the closed month before; or empty."
    )
    head = _digest("SHA-256 over the snapshot and the previous head.")

    class Meta:
        ordering = ["-period__month", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["period", "version"], name="closing_once_per_version"),
            models.CheckConstraint(name="closing_version_counts_from_one", condition=Q(version__gte=1)),
            models.CheckConstraint(name="closing_says_who", condition=~Q(closed_by="")),
            models.CheckConstraint(
                name="closing_sealed", condition=Q(head__regex=A_DIGEST, price_list__regex=A_DIGEST)
            ),
            models.CheckConstraint(
                name="closing_counts_entries",
                condition=Q(entries=0, last_entry__isnull=True) | Q(entries__gt=0, last_entry__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period.month:%Y-%m} version {self.version}"


class ClosedTeam(models.Model):
    """One team's part of a closing: its statement's head, with the team's name as it was then.

    ``number`` counts the statements of the month from 1 without a gap. ``digest`` is the end of the hash
    chain over the team's entries.
    """

    closing = models.ForeignKey(Closing, on_delete=models.PROTECT, related_name="teams")
    number = models.PositiveIntegerField()
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    title = models.CharField(max_length=120, blank=True)
    cost_center = models.CharField(max_length=60, blank=True)
    entries = models.BigIntegerField()
    unpriced = models.BigIntegerField()
    exposure = _sum(help_text="What the unpriced entries may have cost at most, where that is known.")
    amount = _sum()
    digest = _digest("The end of the chain over its entries.")
    corrections: "models.JSONField[list[dict[str, str]], list[dict[str, str]]]" = models.JSONField(
        default=list, help_text="Batches that corrected this month's own entries: included in the usage."
    )

    class Meta:
        ordering = ["closing", "number"]
        constraints = [
            models.UniqueConstraint(fields=["closing", "team"], name="closed_team_once"),
            models.UniqueConstraint(fields=["closing", "number"], name="closed_team_numbered_once"),
            models.CheckConstraint(name="closed_team_counts_from_one", condition=Q(number__gte=1)),
            models.CheckConstraint(name="closed_team_sealed", condition=Q(digest__regex=A_DIGEST)),
        ]

    def __str__(self) -> str:
        return f"{self.closing}: {self.name}"


class ClosedLine(models.Model):
    """One line of a statement: a quantity of one kind of token of one model at one price, or an amount alone.

    ``charged`` is the day it was used on, for adjustments to earlier months; empty for the month's own usage.
    ``amount`` is NULL when it is unknown; ``rate`` when no single rate gives the amount.
    """

    closed_team = models.ForeignKey(ClosedTeam, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    charged = models.DateField(null=True, blank=True)
    reference = models.CharField(max_length=320, blank=True, help_text="The batch, or the correction's note.")
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="+")
    model_name = models.CharField(max_length=260)
    variant = models.CharField(max_length=10)
    basis = models.CharField(max_length=12, help_text="Where the amount comes from.")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    bucket = models.CharField(max_length=15, blank=True, help_text="Empty: an amount without a quantity.")
    quantity = models.BigIntegerField(null=True, blank=True)
    rate = models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True)
    amount = _sum(null=True, blank=True)
    entries = models.BigIntegerField(help_text="Ledger entries behind it.")

    class Meta:
        ordering = ["closed_team", "position"]
        constraints = [
            models.UniqueConstraint(fields=["closed_team", "position"], name="closed_line_once_per_position"),
            models.CheckConstraint(
                name="closed_line_basis_known",
                condition=Q(basis__in=["price", "reported", "adjustment", "not_billed", "unpriced"]),
            ),
            models.CheckConstraint(
                name="closed_line_quantity_has_bucket",
                condition=Q(bucket="", quantity__isnull=True, rate__isnull=True)
                | (~Q(bucket="") & Q(quantity__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.closed_team}, line {self.position}"


class ClosedBlock(models.Model):
    """A stretch of a team's hash chain, so that a difference is found at its very entry.

    ``marks`` holds 16 bytes for each entry, in the order of ids: its id (8 bytes, big endian), then the first
    8 bytes of the chain's digest after it.
    """

    closed_team = models.ForeignKey(ClosedTeam, on_delete=models.PROTECT, related_name="blocks")
    position = models.PositiveIntegerField(help_text="Counts from 0.")
    marks = models.BinaryField()

    class Meta:
        ordering = ["closed_team", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["closed_team", "position"], name="closed_block_once_per_position"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.closed_team}, block {self.position}"


class ClosingWaiver(models.Model):
    """Something that blocked a close and was let pass, by whom and why. Never changes (a trigger refuses it).

    It holds for what was seen: should the obstacle have grown past ``count`` since, it blocks again.
    """

    period = models.ForeignKey(BillingPeriod, on_delete=models.PROTECT, related_name="waivers")
    version = models.PositiveSmallIntegerField(help_text="Of the closing that it is for.")
    obstacle = models.CharField(max_length=40)
    subject = models.CharField(max_length=200, blank=True, help_text="Whom it concerns, such as a vendor.")
    count = models.BigIntegerField()
    reason = models.CharField(max_length=500)
    waived_by = models.CharField(max_length=150, help_text="The user's name at that time.")
    waived_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="closing_waiver_says_who_and_why", condition=~Q(reason="") & ~Q(waived_by="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period.month:%Y-%m}: {self.obstacle} {self.subject}".rstrip()


class Reopening(models.Model):
    """A closed month to be opened again: one person asks and says why, another decides. Decided once."""

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        DENIED = "denied"

    closing = models.ForeignKey(Closing, on_delete=models.PROTECT, related_name="reopenings")
    reason = models.CharField(max_length=500)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    decided_at: "models.DateTimeField[dt.datetime | None, dt.datetime | None]" = models.DateTimeField(
        null=True, blank=True
    )
    self_approved = models.BooleanField(default=False)
    note = models.CharField(max_length=500, blank=True, help_text="Of the person who decided.")

    class Meta:
        ordering = ["-id"]
        permissions = [("approve_reopening", "Can decide whether a closed month is opened again")]
        constraints = [
            models.UniqueConstraint(
                fields=["closing"], condition=Q(state="open"), name="reopening_one_open_each"
            ),
            models.CheckConstraint(name="reopening_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="reopening_state_known", condition=Q(state__in=["open", "approved", "denied"])
            ),
            models.CheckConstraint(
                name="reopening_decided_or_open",
                condition=Q(state="open", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="reopening_approved_by_another",
                condition=~Q(state="approved") | ~Q(decided_by=F("asked_by")) | Q(self_approved=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.closing}: {self.reason}"

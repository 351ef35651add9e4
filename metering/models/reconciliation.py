"""What vendors say they charged, held against the ledger. Reports, runs and explanations only grow.

Amounts have 20 decimals here: vendors write more of them than the ledger needs (OpenAI's are binary floats
in print), and nothing of theirs is rounded before it is compared.
"""

import decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from catalog import addresses, vault
from catalog.models import LanguageModel, Provider
from catalog.models.providers import CREDENTIAL_VARIABLE


def usd(**options: Any) -> "models.DecimalField[object, decimal.Decimal]":
    return models.DecimalField(max_digits=38, decimal_places=20, **options)


def quantity(**options: Any) -> "models.DecimalField[object, decimal.Decimal]":
    return models.DecimalField(max_digits=30, decimal_places=6, **options)


class Meter(models.TextChoices):
    """What a line is for: the ledger's kinds of tokens as vendors bill them, and what is not tokens."""

    INPUT = "input", "input"
    CACHE_READ = "cache_read", "cache read"
    CACHE_WRITE_5M = "cache_write_5m", "cache write"
    CACHE_WRITE_1H = "cache_write_1h", "cache write, long"
    OUTPUT = "output", "output and reasoning"
    AUDIO_INPUT = "audio_input", "audio input"
    AUDIO_OUTPUT = "audio_output", "audio output"
    REQUESTS = "requests", "searches and fees per request"
    ALL = "all", "all token types"
    TOOL = "tool", "tools that are not tokens"
    CREDIT = "credit", "credits and discounts"
    TAX = "tax", "tax"
    ROUNDING = "rounding", "the vendor's rounding"
    ADJUSTMENT = "adjustment", "the vendor's adjustment"
    UNMAPPED = "unmapped", "not mapped yet"


class Reason(models.TextChoices):
    """Why a ledger and a bill differ."""

    TZ = "TZ", "days of another time zone"
    BYPASS = "BYPASS", "used outside the gateway"
    CACHE = "CACHE", "cached tokens counted otherwise"
    RETRY = "RETRY", "charged attempts that failed for us"
    ABORT = "ABORT", "answers that broke off were estimated"
    TIER = "TIER", "another service tier or context length"
    TOOL = "TOOL", "tools of the vendor's"
    PRICE = "PRICE", "another unit price, or another model"
    CREDIT = "CREDIT", "credits, grants, discounts"
    TAX_FX = "TAX/FX", "tax or currency"
    LATE = "LATE", "figures that the vendor restates later"
    ROUND = "ROUND", "the vendor's rounding"
    EXCL = "EXCL", "left out of the vendor's report"


class VendorReport(models.Model):
    """One import of a vendor's figures: the whole of what the vendor says of its days (UTC, inclusive).

    A later report of the same day and kind is the one that is matched; this one stays readable.
    """

    class Kind(models.TextChoices):
        COST = "cost", "what was charged"
        USAGE = "usage", "what was used"

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    source = models.CharField(max_length=500, help_text="Names of the files, or the address.")
    sha256 = models.CharField(max_length=64, help_text="Of what was read, all files together.")
    first_day = models.DateField(help_text="UTC.")
    last_day = models.DateField(help_text="UTC, inclusive.")
    taken_at = models.DateTimeField(help_text="When the vendor said so.")
    fetched = models.BooleanField(
        default=False, db_default=False, help_text="Asked for at the vendor with its admin key; else a file."
    )
    imported_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-taken_at", "-id"]
        indexes = [models.Index(fields=["provider", "first_day"], name="vendor_report_provider_day")]
        constraints = [
            models.CheckConstraint(name="vendor_report_kind_known", condition=Q(kind__in=["cost", "usage"])),
            models.CheckConstraint(
                name="vendor_report_days_in_order", condition=Q(last_day__gte=F("first_day"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {self.first_day} to {self.last_day}"


class VendorCost(models.Model):
    """One line of a vendor's report, as it came (``raw``) and as it was read. Unknown is NULL."""

    report = models.ForeignKey(VendorReport, on_delete=models.PROTECT, related_name="lines", db_index=False)
    number = models.PositiveIntegerField(help_text="From 1, in the order of the report.")
    day = models.DateField(help_text="UTC.")
    item = models.CharField(max_length=300, blank=True, help_text="The vendor's own name of the line.")
    model = models.CharField(max_length=200, blank=True, help_text="The vendor's name of the model.")
    meter = models.CharField(max_length=14, choices=Meter.choices)
    account = models.CharField(max_length=100, blank=True, help_text="Key, workspace or project.")
    tier = models.CharField(max_length=20, blank=True, help_text="Service tier, in the price book's words.")
    context = models.CharField(max_length=40, blank=True, help_text="Context window, in the vendor's words.")
    quantity = quantity(null=True, help_text="Tokens, or requests.")
    amount = usd(null=True, help_text="USD.")
    billed = usd(null=True, help_text="In the currency of the bill, where that is another.")
    currency = models.CharField(max_length=3, default="USD")
    rate = usd(null=True, help_text="Units of the currency for one USD, as the vendor states it.")
    raw: "models.JSONField[Any, Any]" = models.JSONField(encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ["report", "number"]
        indexes = [models.Index(fields=["report", "day"], name="vendor_cost_report_day")]
        constraints = [
            models.UniqueConstraint(fields=["report", "number"], name="vendor_cost_once_per_line"),
            models.CheckConstraint(name="vendor_cost_meter_known", condition=Q(meter__in=Meter.values)),
            models.CheckConstraint(
                name="vendor_cost_says_something",
                condition=Q(quantity__isnull=False) | Q(amount__isnull=False),
            ),
            models.CheckConstraint(
                name="vendor_cost_conversion_is_whole",
                condition=Q(currency="USD", billed__isnull=True, rate__isnull=True)
                | (~Q(currency="USD") & Q(billed__isnull=False, rate__isnull=False, rate__gt=0)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.item or self.model}"


class VendorAlias(models.Model):
    """What a vendor's line, or its name of a model, is here. Goes before the built-in reading."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+")
    item = models.CharField(
        max_length=300, help_text="The line item or the model as the vendor writes it; case does not matter."
    )
    model = models.ForeignKey(
        LanguageModel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Ours; empty: as it was read, or none.",
    )
    meter = models.CharField(
        max_length=14, choices=Meter.choices, blank=True, help_text="Empty: as it was read."
    )
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["provider__name", "item"]
        verbose_name_plural = "vendor aliases"
        constraints = [
            models.UniqueConstraint(
                "provider", models.functions.Lower("item"), name="vendor_alias_once_per_item"
            ),
            models.CheckConstraint(
                name="vendor_alias_meter_known", condition=Q(meter="") | Q(meter__in=Meter.values)
            ),
            models.CheckConstraint(
                name="vendor_alias_says_something",
                condition=~Q(item="") & (Q(model__isnull=False) | ~Q(meter="")),
                violation_error_message="Name the model or the meter that the item stands for.",
            ),
        ]

    def __str__(self) -> str:
        return self.item


class VendorAccount(models.Model):
    """A key, workspace or project at the vendor. Once one is known to be the gateway's, others are not."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+")
    identifier = models.CharField(max_length=100, help_text="The vendor's id, such as key_abc or wrkspc_01.")
    is_ours = models.BooleanField("used by the gateway", default=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["provider__name", "identifier"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "identifier"], name="vendor_account_once"),
            models.CheckConstraint(name="vendor_account_has_an_id", condition=~Q(identifier="")),
        ]

    def __str__(self) -> str:
        return self.identifier


class ReportCredential(models.Model):
    """The admin key with which a vendor's reports are fetched: named, or stored encrypted for one origin."""

    provider = models.OneToOneField(Provider, on_delete=models.PROTECT, related_name="report_credential")
    api_key_env = models.CharField(
        "environment variable",
        max_length=100,
        blank=True,
        validators=[RegexValidator(CREDENTIAL_VARIABLE, "Ends with _API_KEY, such as OPENAI_ADMIN_API_KEY.")],
    )
    api_key_encrypted = models.TextField("encrypted credential", blank=True, editable=False)
    origin = models.CharField(
        max_length=300, blank=True, editable=False, help_text="Where it may be sent to: as it was entered."
    )

    class Meta:
        ordering = ["provider__name"]
        constraints = [
            models.CheckConstraint(
                name="report_credential_variable_is_a_key",
                condition=Q(api_key_env="") | Q(api_key_env__regex=CREDENTIAL_VARIABLE),
                violation_error_message="The credential's environment variable ends with _API_KEY.",
            ),
            models.CheckConstraint(
                name="report_credential_stored_for_an_origin",
                condition=Q(api_key_encrypted="", origin="") | (~Q(api_key_encrypted="") & ~Q(origin="")),
            ),
        ]

    def __str__(self) -> str:
        return f"reports of {self.provider.name}"

    def set_credential(self, secret: str) -> None:
        """Keep a credential encrypted, for the provider's address of now. Empty: forget it."""
        self.api_key_encrypted = vault.encrypt(secret) if secret else ""
        self.origin = origin_of(self.provider.base_url) if secret else ""


def origin_of(base_url: str) -> str:
    """``https://api.openai.com:443``: where a credential may go."""
    scheme, host, port = addresses.origin(base_url)
    return f"{scheme}://{host}:{port}"


class ReconciliationRun(models.Model):
    """A month (UTC) of one provider, compared as of one moment; the same moment gives the same digest."""

    class State(models.TextChoices):
        MATCHED = "matched", "matched"
        EXPLAINED = "explained", "explained"
        OPEN = "open", "open"
        INCOMPLETE = "incomplete", "days without a report"
        NOTHING = "nothing", "nothing to compare"  # neither side has a row, and no report speaks

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField(help_text="Its first day; UTC.")
    as_of = models.DateTimeField(help_text="Entries and reports of later are not in it.")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)
    state = models.CharField(max_length=10, choices=State.choices)
    ours = usd(help_text="USD by the ledger.")
    theirs = usd(null=True, help_text="USD by the vendor; NULL: no report says.")
    gap = usd(null=True, help_text="Theirs less ours, on the days that have a report.")
    open_gap = usd(help_text="Sum of the open gaps, whatever their sign.")
    tolerance = usd(help_text="max($1.00, half a cent x sqrt(lines)).")
    vendor_lines = models.PositiveIntegerField()
    uncovered_days = models.PositiveSmallIntegerField(help_text="Days with calls and without a cost report.")
    unpriced = models.BigIntegerField(help_text="Entries of unknown cost.")
    oldest_open = models.DateField(null=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of all lines.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["provider", "month", "-id"], name="reconciliation_latest")]
        constraints = [
            models.CheckConstraint(name="reconciliation_begins_a_month", condition=Q(month__day=1)),
            models.CheckConstraint(
                name="reconciliation_state_known",
                condition=Q(state__in=["matched", "explained", "open", "incomplete", "nothing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.month:%Y-%m}"

"""What a model costs, and since when; and the drafts that prices come from."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Round

from catalog.models.providers import LanguageModel

RATES = (
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
    "per_request",
)

NOT_MARGINAL = ("output", "reasoning", "audio_output", "per_request")


class Variant(models.TextChoices):
    STANDARD = "standard"
    BATCH = "batch"
    FLEX = "flex"
    PRIORITY = "priority"
    FAST = "fast"


class Tier(models.TextChoices):
    """What a row above a threshold is the price of. See docs/decisions/0032."""

    WHOLE = "whole", "the whole request"
    MARGINAL = "marginal", "only the input tokens above the threshold"


class Weekdays(models.TextChoices):
    ALL = "", "every day"
    WORKDAYS = "mon-fri", "Monday to Friday"
    WEEKEND = "sat-sun", "Saturday and Sunday"


def _rate(help_text: str = "") -> "models.DecimalField[Decimal | None, Decimal | None]":
    # Twelve decimals are stored so that a seventh is seen and refused by the constraint, not rounded away.
    return models.DecimalField(max_digits=24, decimal_places=12, null=True, blank=True, help_text=help_text)


def _rates_hold(condition: str) -> Q:
    """One condition on every rate; ``condition`` is ``sign`` or ``scale``."""
    combined = Q()
    for rate in RATES:
        allowed = (
            Q(**{f"{rate}__gte": 0}) if condition == "sign" else Q(**{rate: Round(F(rate), precision=6)})
        )
        combined &= Q(**{f"{rate}__isnull": True}) | allowed
    return combined


def _list_rates() -> "models.JSONField[dict[str, str], dict[str, str]]":
    return models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="The vendor's list price where it differs from what is paid: rate name to decimal string.",
    )


def _well_formed(*columns: str) -> Func:
    """Every column holds rates as decimal strings of at most 6 decimals (a function of migration 0006)."""
    return Func(*columns, function="catalog_rates_well_formed", output_field=models.BooleanField())


class Price(models.Model):
    """The rates of one model for a half-open period [effective_from, effective_to): USD per 1,000,000 tokens.

    ``per_request`` is in USD per request (a web search, say). An empty rate is unknown, not zero. A row whose
    period has begun is never edited (a trigger refuses it): a new price closes it and starts a new period.
    Rows of one model never overlap in (variant, threshold, hours, period): an exclusion constraint.

    The rates are what is paid. ``list_rates`` is the vendor's list price where that is another one
    (``catalog.rates.listed`` gives it whole).
    """

    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="prices")
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True, help_text="First moment it no longer holds.")
    variant = models.CharField(max_length=10, choices=Variant.choices, default=Variant.STANDARD)
    above_input_tokens = models.PositiveIntegerField(
        default=0, help_text="Holds for requests with MORE input tokens than this (cached ones included)."
    )
    tier = models.CharField(
        max_length=8,
        choices=Tier.choices,
        default=Tier.WHOLE,
        db_default="whole",
        help_text="Above a threshold: the price of the whole request, or of the input tokens above it alone"
        " (output and fees then stay at the row below).",
    )
    daily_from = models.TimeField(null=True, blank=True, help_text="UTC; only at these hours (peak pricing).")
    daily_to = models.TimeField(
        null=True, blank=True, help_text="UTC; may be before daily_from (past midnight)."
    )
    weekdays = models.CharField(max_length=7, choices=Weekdays.choices, default="", blank=True)
    input = _rate()
    output = _rate()
    cache_read = _rate("Empty: cached tokens cost what input tokens cost.")
    cache_write_5m = _rate("Empty: written tokens cost what input tokens cost.")
    cache_write_1h = _rate("Empty: unknown; a call that reports such tokens is booked unpriced.")
    reasoning = _rate("Empty: reasoning tokens cost what output tokens cost.")
    audio_input = _rate("Empty: unknown; a call that reports such tokens is booked unpriced.")
    audio_output = _rate("Empty: unknown; a call that reports such tokens is booked unpriced.")
    per_request = _rate("USD per request, such as a web search; empty: unknown.")
    list_rates = _list_rates()
    source = models.CharField(max_length=200, default="manual")
    source_date = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["model", "variant", "above_input_tokens", "-effective_from", "daily_from"]
        constraints = [
            models.CheckConstraint(
                name="price_period_not_empty",
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=F("effective_from")),
            ),
            models.CheckConstraint(name="price_rates_not_negative", condition=_rates_hold("sign")),
            models.CheckConstraint(name="price_rates_six_decimals", condition=_rates_hold("scale")),
            models.CheckConstraint(
                name="price_variant_known",
                condition=Q(variant__in=["standard", "batch", "flex", "priority", "fast"]),
            ),
            models.CheckConstraint(
                name="price_weekdays_known", condition=Q(weekdays__in=["", "mon-fri", "sat-sun"])
            ),
            models.CheckConstraint(
                name="price_hours_both_or_none",
                condition=Q(daily_from__isnull=True, daily_to__isnull=True, weekdays="")
                | Q(daily_from__isnull=False, daily_to__isnull=False),
            ),
            models.CheckConstraint(
                name="price_has_a_rate",
                condition=Q(input__isnull=False) | Q(output__isnull=False) | Q(per_request__isnull=False),
            ),
            models.CheckConstraint(name="price_tier_known", condition=Q(tier__in=["whole", "marginal"])),
            models.CheckConstraint(
                name="price_marginal_is_of_input",
                condition=~Q(tier="marginal")
                | Q(
                    above_input_tokens__gt=0,
                    input__isnull=False,
                    **{f"{rate}__isnull": True for rate in NOT_MARGINAL},
                ),
                violation_error_message="A marginal price has a threshold and rates of input alone:"
                " output and fees stay at the price below.",
            ),
            models.CheckConstraint(name="price_list_rates_well_formed", condition=_well_formed("list_rates")),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.variant} from {self.effective_from:%Y-%m-%d}"


class PriceProposal(models.Model):
    """A price that somebody would set: nothing is priced by it until another person accepts it.

    The table exists so that no price begins on one person's word. Drafts are made by people (``made_by`` is
    their user name) and by feeds (``from_feed``; ``made_by`` is the source). What a draft says never changes
    (a trigger refuses it), so what was looked at is what is accepted; it is decided once.
    """

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"
        WITHDRAWN = "withdrawn", "withdrawn by who made it, or overtaken"

    model = models.ForeignKey(LanguageModel, on_delete=models.CASCADE, related_name="price_proposals")
    effective_from = models.DateTimeField(
        help_text="When it begins; where that has passed when it is accepted, it begins then."
    )
    variant = models.CharField(max_length=10, choices=Variant.choices, default=Variant.STANDARD)
    above_input_tokens = models.PositiveIntegerField(
        default=0, help_text="Holds for requests with MORE input tokens than this (cached ones included)."
    )
    tier = models.CharField(max_length=8, choices=Tier.choices, default=Tier.WHOLE, db_default="whole")
    daily_from = models.TimeField(null=True, blank=True, help_text="UTC; only at these hours (peak pricing).")
    daily_to = models.TimeField(
        null=True, blank=True, help_text="UTC; may be before daily_from (past midnight)."
    )
    weekdays = models.CharField(max_length=7, choices=Weekdays.choices, default="", blank=True)
    rates: "models.JSONField[dict[str, str | None], dict[str, str | None]]" = models.JSONField(
        help_text="Rate name to decimal string (USD per 1,000,000 tokens)."
    )
    list_rates = _list_rates()
    current = models.ForeignKey(Price, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=300, help_text="Why it is proposed and not applied.")
    note = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=200)
    source_date = models.DateField(null=True, blank=True)
    made_by = models.CharField(max_length=200, help_text="A user's name; for a feed its source.")
    from_feed = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    self_approved = models.BooleanField(default=False, db_default=False)
    impact: "models.JSONField[dict[str, Any] | None, dict[str, Any] | None]" = models.JSONField(
        null=True,
        blank=True,
        help_text="What it would have changed, as told when it was decided; amounts are strings.",
    )
    price = models.ForeignKey(
        Price,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="proposals",
        help_text="What began when it was accepted.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["state", "model", "variant", "above_input_tokens"]
        verbose_name = "price draft"
        permissions = [("approve_priceproposal", "Can approve price draft")]
        constraints = [
            models.CheckConstraint(
                name="price_proposal_state_known",
                condition=Q(state__in=["open", "accepted", "dismissed", "withdrawn"]),
            ),
            models.CheckConstraint(name="price_proposal_says_who", condition=~Q(made_by="")),
            models.CheckConstraint(
                name="price_proposal_decided_or_open",
                condition=Q(state="open", decided_by="", decided_at__isnull=True)
                | (~Q(state="open") & ~Q(decided_by="") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="price_proposal_approved_by_another",
                condition=~Q(state="accepted")
                | Q(from_feed=True)
                | ~Q(decided_by=F("made_by"))
                | Q(self_approved=True),
            ),
            models.CheckConstraint(
                name="price_proposal_rates_well_formed", condition=_well_formed("rates", "list_rates")
            ),
            models.UniqueConstraint(
                fields=["model", "variant", "above_input_tokens", "daily_from", "daily_to", "weekdays"],
                condition=Q(state="open", from_feed=True),
                nulls_distinct=False,
                name="price_proposal_one_open_each",
            ),
            models.UniqueConstraint(
                fields=[
                    *("model", "variant", "above_input_tokens", "daily_from", "daily_to", "weekdays"),
                    *("made_by", "effective_from"),
                ],
                condition=Q(state="open", from_feed=False),
                nulls_distinct=False,
                name="price_proposal_drafted_once",
                violation_error_message="You have drafted a price for this from the same moment already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.variant}: {self.reason}"


class PriceFeed(models.Model):
    """When a source of prices was last compared with the catalog, so that silence is noticed."""

    name = models.CharField(max_length=60, unique=True)
    source = models.CharField(max_length=200, help_text="With its version.")
    succeeded_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}, last compared {self.succeeded_at:%Y-%m-%d}"

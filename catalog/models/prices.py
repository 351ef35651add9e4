"""What a model costs, and since when."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
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


class Variant(models.TextChoices):
    STANDARD = "standard"
    BATCH = "batch"
    FLEX = "flex"
    PRIORITY = "priority"
    FAST = "fast"


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


class Price(models.Model):
    """The rates of one model for a half-open period [effective_from, effective_to): USD per 1,000,000 tokens.

    ``per_request`` is in USD per request (a web search, say). An empty rate is unknown, not zero. A row whose
    period has begun is never edited (a trigger refuses it): a new price closes it and starts a new period.
    Rows of one model never overlap in (variant, threshold, hours, period): an exclusion constraint.
    """

    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="prices")
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True, help_text="First moment it no longer holds.")
    variant = models.CharField(max_length=10, choices=Variant.choices, default=Variant.STANDARD)
    above_input_tokens = models.PositiveIntegerField(
        default=0, help_text="Holds for requests with MORE input tokens than this (cached ones included)."
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
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.variant} from {self.effective_from:%Y-%m-%d}"


class PriceProposal(models.Model):
    """A price that a source would set, waiting for a person. Nothing is priced by it until it is accepted."""

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"

    model = models.ForeignKey(LanguageModel, on_delete=models.CASCADE, related_name="price_proposals")
    effective_from = models.DateTimeField()
    variant = models.CharField(max_length=10, choices=Variant.choices, default=Variant.STANDARD)
    above_input_tokens = models.PositiveIntegerField(default=0)
    daily_from = models.TimeField(null=True, blank=True)
    daily_to = models.TimeField(null=True, blank=True)
    weekdays = models.CharField(max_length=7, choices=Weekdays.choices, default="", blank=True)
    rates: "models.JSONField[dict[str, str | None], dict[str, str | None]]" = models.JSONField(
        help_text="Rate name to decimal string (USD per 1,000,000 tokens)."
    )
    current = models.ForeignKey(Price, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=300, help_text="Why it is proposed and not applied.")
    source = models.CharField(max_length=200)
    source_date = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["state", "model", "variant", "above_input_tokens"]
        constraints = [
            models.CheckConstraint(
                name="price_proposal_state_known", condition=Q(state__in=["open", "accepted", "dismissed"])
            ),
            models.UniqueConstraint(
                fields=["model", "variant", "above_input_tokens", "daily_from", "daily_to", "weekdays"],
                condition=Q(state="open"),
                nulls_distinct=False,
                name="price_proposal_one_open_each",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.variant}: {self.reason}"

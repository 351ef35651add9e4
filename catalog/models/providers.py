"""Vendor endpoints and what they sell."""

import decimal
import os
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from catalog import addresses, vault

NAME = r"^[a-z0-9][a-z0-9._-]*$"
# A provider's credential is sent to the provider: it may be no other variable of this process.
LONGEST = 86_400.0  # seconds of any patience; a bound keeps NaN and infinity out, too
CREDENTIAL_VARIABLE = r"^[A-Z][A-Z0-9_]*_API_KEY$"


class Provider(models.Model):
    """A vendor endpoint: where it is, how to speak to it, with which credential, and how much patience.

    The credential is named by an environment variable or stored encrypted; it is never shown again.
    """

    class Kind(models.TextChoices):
        OPENAI = "openai", "OpenAI"
        ANTHROPIC = "anthropic", "Anthropic"
        GEMINI = "gemini", "Gemini"
        OPENAI_COMPATIBLE = "openai_compatible", "OpenAI-compatible"

    class OnLeave(models.TextChoices):
        DRAIN = "drain", "Read on for the usage at the end (exact)"
        CANCEL = "cancel", "Cut at once (estimated)"

    name = models.CharField(
        max_length=60, unique=True, help_text="Lower case; callers write it before the model's name."
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    base_url = models.CharField(
        max_length=300,
        validators=[addresses.validate_base_url],
        help_text="As the vendor's SDK takes it: OpenAI kinds with /v1, the others without a version.",
    )
    region = models.CharField(max_length=40, blank=True)
    enabled = models.BooleanField(default=True)
    is_sandbox = models.BooleanField(
        default=False, help_text="A fake vendor for trying the product; never a real bill."
    )
    priority = models.PositiveSmallIntegerField(
        default=100, help_text="When several providers sell a model, its bare name tries the lowest first."
    )
    api_key_env = models.CharField(
        "credential's environment variable",
        max_length=100,
        blank=True,
        validators=[
            RegexValidator(
                CREDENTIAL_VARIABLE,
                "Only capitals, digits and _, ending with _API_KEY, such as OPENAI_API_KEY.",
            )
        ],
        help_text="For example OPENAI_API_KEY; its name ends with _API_KEY.",
    )
    api_key_encrypted = models.TextField("encrypted credential", blank=True, editable=False)

    connect_timeout = models.FloatField(default=5.0, help_text="Seconds.")
    first_byte_timeout = models.FloatField(
        default=60.0, help_text="Seconds until the vendor's answer begins."
    )
    idle_timeout = models.FloatField(default=30.0, help_text="Seconds between two pieces of an answer.")
    total_timeout = models.FloatField(default=600.0, help_text="Seconds for the whole attempt.")
    max_attempts = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    breaker_failures = models.PositiveSmallIntegerField(
        default=5, help_text="Consecutive failures that open it."
    )
    breaker_failure_rate = models.FloatField(
        default=0.5, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    breaker_window = models.PositiveIntegerField(default=60, help_text="Seconds.")
    breaker_min_calls = models.PositiveIntegerField(default=10)
    breaker_cooldown = models.FloatField(
        default=30.0, help_text="Seconds from the opening to the first probe."
    )
    breaker_slow_seconds = models.FloatField(
        "slow call",
        null=True,
        blank=True,
        help_text="Seconds to the first token; empty: never opens it.",
    )
    breaker_slow_rate = models.FloatField(
        "slow-call rate", default=0.5, db_default=0.5, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    slow_p99 = models.FloatField(
        default=3.0,
        help_text="Seconds to a stream's first token; a region slower than this is drained ...",
    )
    slow_for = models.PositiveIntegerField(default=120, help_text="... when it lasts this many seconds.")
    health_check_interval = models.FloatField(
        null=True,
        blank=True,
        help_text="Seconds between active checks (the vendor's free list of models), e.g. 15; empty: none.",
    )

    first_token_timeout = models.FloatField(
        null=True,
        blank=True,
        help_text="Seconds until a stream's first content, whatever the heartbeats; empty: no limit.",
    )
    retry_budget = models.FloatField(
        default=0.2,
        db_default=0.2,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Retries as a share of calls, so that no outage is amplified; a few always pass.",
    )
    max_in_flight = models.PositiveIntegerField(
        null=True, blank=True, help_text="Calls at once per worker; empty: no limit."
    )
    queue_seconds = models.FloatField(
        default=0.0,
        db_default=0.0,
        help_text="How long a call waits for room when all are taken; 0: the next target at once.",
    )
    on_leave = models.CharField(
        "when the caller leaves",
        max_length=6,
        choices=OnLeave.choices,
        default=OnLeave.DRAIN,
        db_default="drain",
    )
    drain_seconds = models.FloatField(
        default=10.0, db_default=10.0, help_text="Read on for this long at most after the caller left."
    )

    serves_responses = models.BooleanField(
        "has OpenAI's Responses API",
        default=False,
        db_default=False,
        help_text="For OpenAI-compatible vendors: calls of /v1/responses are passed on as they are, not "
        "translated. OpenAI itself always has it.",
    )
    follows_links = models.BooleanField(
        "fetches links in messages",
        default=True,
        db_default=True,
        help_text="Off for vendors that cannot reach the internet, such as a server of your own: the gateway "
        "then fetches linked images and files itself.",
    )
    trusts_reported_cost = models.BooleanField(
        "book the vendor's own figure",
        default=False,
        db_default=False,
        help_text="Where an answer says what it cost in USD, that is booked instead of tokens x price.",
    )
    reported_cost_tolerance = models.DecimalField(
        max_digits=7,
        decimal_places=4,
        default=decimal.Decimal("0.05"),
        db_default=decimal.Decimal("0.05"),
        help_text="A reported cost that differs from ours by more than this share is flagged: 0.05 is 5 %.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="provider_name_is_slug", condition=Q(name__regex=NAME)),
            models.CheckConstraint(
                name="provider_kind_known",
                condition=Q(kind__in=["openai", "anthropic", "gemini", "openai_compatible"]),
            ),
            models.CheckConstraint(
                name="provider_base_url_is_http", condition=Q(base_url__regex=r"^https?://\S+$")
            ),
            models.CheckConstraint(
                name="provider_credential_variable_is_a_key",
                condition=Q(api_key_env="") | Q(api_key_env__regex=CREDENTIAL_VARIABLE),
                violation_error_message="The credential's environment variable ends with _API_KEY.",
            ),
            models.CheckConstraint(
                name="provider_timeouts_positive",
                condition=Q(
                    connect_timeout__gt=0, first_byte_timeout__gt=0, idle_timeout__gt=0, total_timeout__gt=0
                ),
            ),
            models.CheckConstraint(
                name="provider_attempts_in_range", condition=Q(max_attempts__gte=1, max_attempts__lte=10)
            ),
            models.CheckConstraint(
                name="provider_breaker_in_range",
                condition=Q(
                    breaker_failures__gte=1,
                    breaker_failure_rate__gt=0,
                    breaker_failure_rate__lte=1,
                    breaker_window__gte=1,
                    breaker_min_calls__gte=1,
                    breaker_cooldown__gt=0,
                    slow_p99__gt=0,
                    slow_for__gte=1,
                ),
            ),
            models.CheckConstraint(
                name="provider_patience_in_range",
                condition=(
                    Q(breaker_slow_seconds__isnull=True)
                    | Q(breaker_slow_seconds__gt=0, breaker_slow_seconds__lte=LONGEST)
                )
                & Q(breaker_slow_rate__gt=0, breaker_slow_rate__lte=1)
                & (
                    Q(health_check_interval__isnull=True)
                    | Q(health_check_interval__gte=1, health_check_interval__lte=LONGEST)
                )
                & (
                    Q(first_token_timeout__isnull=True)
                    | Q(first_token_timeout__gt=0, first_token_timeout__lte=LONGEST)
                )
                & Q(retry_budget__gte=0, retry_budget__lte=1)
                & (Q(max_in_flight__isnull=True) | Q(max_in_flight__gte=1))
                & Q(queue_seconds__gte=0, queue_seconds__lte=60)
                & Q(drain_seconds__gte=0, drain_seconds__lte=600),
            ),
            models.CheckConstraint(
                name="provider_on_leave_known", condition=Q(on_leave__in=["drain", "cancel"])
            ),
            models.CheckConstraint(
                name="provider_tolerance_not_negative", condition=Q(reported_cost_tolerance__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def set_credential(self, secret: str) -> None:
        """Keep a credential encrypted (the caller saves). An empty string removes it."""
        self.api_key_encrypted = vault.encrypt(secret) if secret else ""

    @property
    def credential_source(self) -> str:
        """Where its own credential comes from, unshown: ``stored``, ``env NAME``, ``missing`` or ``none``."""
        return source_of(stored=self.api_key_encrypted, variable=self.api_key_env)


class Credential(models.Model):
    """A further credential of a provider. Calls are spread over all of them by weight and load.

    The provider's own credential is the first one, named ``default``, with weight 1.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="credentials")
    name = models.CharField(max_length=60, help_text="Lower case; what logs and pages call it.")
    api_key_env = models.CharField(
        "environment variable",
        max_length=100,
        blank=True,
        validators=[
            RegexValidator(
                CREDENTIAL_VARIABLE,
                "Only capitals, digits and _, ending with _API_KEY, such as OPENAI_SECOND_API_KEY.",
            )
        ],
    )
    api_key_encrypted = models.TextField("encrypted credential", blank=True, editable=False)
    weight = models.PositiveIntegerField(
        default=1, validators=[MinValueValidator(1)], help_text="Its share of calls, relative to the others."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["provider__name", "name"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="credential_unique_per_provider"),
            models.CheckConstraint(
                name="credential_name_is_slug", condition=Q(name__regex=NAME) & ~Q(name="default")
            ),
            models.CheckConstraint(
                name="credential_variable_is_a_key",
                condition=Q(api_key_env="") | Q(api_key_env__regex=CREDENTIAL_VARIABLE),
                violation_error_message="The credential's environment variable ends with _API_KEY.",
            ),
            models.CheckConstraint(name="credential_weight_positive", condition=Q(weight__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.provider.name} {self.name}"

    def set_credential(self, secret: str) -> None:
        """Keep a credential encrypted (the caller saves). An empty string removes it."""
        self.api_key_encrypted = vault.encrypt(secret) if secret else ""

    @property
    def credential_source(self) -> str:
        """Where it comes from, unshown: ``stored``, ``env NAME``, ``missing`` or ``none``."""
        return source_of(stored=self.api_key_encrypted, variable=self.api_key_env)


def source_of(*, stored: str, variable: str) -> str:
    """Where a credential comes from, unshown."""
    if stored:
        return "stored"
    if variable:
        return f"env {variable}" if os.environ.get(variable) else f"missing ({variable})"
    return "none"


class LanguageModel(models.Model):
    """Something a provider sells, by its upstream id."""

    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="models")
    name = models.CharField(max_length=200, help_text="The vendor's own id, for example gpt-4o.")
    context_window = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tokens; empty when unknown."
    )
    max_output_tokens = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tokens, reasoning included; empty when unknown."
    )
    capabilities: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(
        default=dict, blank=True, help_text='For example {"reasoning": true, "tools": true}.'
    )
    first_byte_timeout = models.FloatField(
        null=True, blank=True, help_text="Seconds; empty: the provider's. Reasoning models need longer."
    )
    first_token_timeout = models.FloatField(
        null=True, blank=True, help_text="Seconds; empty: the provider's."
    )
    idle_timeout = models.FloatField(null=True, blank=True, help_text="Seconds; empty: the provider's.")
    total_timeout = models.FloatField(null=True, blank=True, help_text="Seconds; empty: the provider's.")
    enabled = models.BooleanField(default=True)
    source = models.CharField(
        max_length=200, default="manual", help_text="Where these facts were taken from."
    )
    source_date = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["provider__name", "name"]
        verbose_name = "model"
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="model_unique_per_provider"),
            models.CheckConstraint(name="model_name_not_empty", condition=Q(name__regex=r"^\S+$")),
            models.CheckConstraint(
                name="model_sizes_positive",
                condition=(Q(context_window__isnull=True) | Q(context_window__gt=0))
                & (Q(max_output_tokens__isnull=True) | Q(max_output_tokens__gt=0)),
            ),
            models.CheckConstraint(
                name="model_timeouts_positive",
                condition=(
                    Q(first_byte_timeout__isnull=True)
                    | Q(first_byte_timeout__gt=0, first_byte_timeout__lte=LONGEST)
                )
                & (
                    Q(first_token_timeout__isnull=True)
                    | Q(first_token_timeout__gt=0, first_token_timeout__lte=LONGEST)
                )
                & (Q(idle_timeout__isnull=True) | Q(idle_timeout__gt=0, idle_timeout__lte=LONGEST))
                & (Q(total_timeout__isnull=True) | Q(total_timeout__gt=0, total_timeout__lte=LONGEST)),
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """``provider/model``: how every model can be called."""
        return f"{self.provider.name}/{self.name}"

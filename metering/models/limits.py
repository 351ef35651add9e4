"""Ceilings: budgets (usd), rate limits (tokens, requests) and concurrency are one table and one algorithm."""

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from catalog.models import ApiKey, LanguageModel, Team

NOTIFY_AT = [50, 80, 100]  # per cent
MOST_PER_CENT = 1000  # of a soft budget ten times its amount may be used
LONGEST_QUEUE_SECONDS = 30.0  # shorter than the patience of clients and of proxies on the way


def notify_at() -> list[int]:
    return list(NOTIFY_AT)


class Limit(models.Model):
    """A ceiling on one scope (team, key, team x model, or team x tag) in one unit over one period.

    Concurrency has no period: its one window holds 1 for every open call and never has anything spent.
    ``queue_seconds``: how long a call may wait for room before it is refused (budgets never wait).
    Its scope, unit and period never change (a trigger refuses it): past windows would lose their meaning.
    """

    class Unit(models.TextChoices):
        USD = "usd", "USD (a budget)"
        TOKENS = "tokens", "tokens"
        REQUESTS = "requests", "requests"
        CONCURRENCY = "concurrency", "calls in flight at once"

    class Period(models.TextChoices):
        MINUTE = "minute"
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        TOTAL = "total"

    class Mode(models.TextChoices):
        HARD = "hard", "hard: refuse what does not fit"
        SOFT = "soft", "soft: count and show, never refuse"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="limits")
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, null=True, blank=True, related_name="limits"
    )
    model = models.ForeignKey(
        LanguageModel, on_delete=models.PROTECT, null=True, blank=True, related_name="limits"
    )
    tag_name = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text="Only calls that carry this tag (x-tallygate-tags) ...",
    )
    tag_value = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="... with this value."
    )
    unit = models.CharField(
        max_length=12,
        choices=Unit.choices,
        default=Unit.USD,
        help_text="Calls in flight at once: no period (choose total), always hard; an open call"
        " is one of them from its admission until it is booked.",
    )
    amount = models.DecimalField(max_digits=28, decimal_places=12)
    period = models.CharField(
        max_length=10,
        choices=Period.choices,
        default=Period.MONTH,
        help_text="Total: never begins anew. For calls in flight choose total.",
    )
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.HARD)
    queue_seconds = models.FloatField(
        default=0.0,
        db_default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(LONGEST_QUEUE_SECONDS)],
        help_text="How long a call may wait for room before it is refused; 0: not at all. Not for budgets.",
    )
    notify_at = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(MOST_PER_CENT)]),
        default=notify_at,
        db_default=NOTIFY_AT,
        blank=True,
        help_text="Per cent of a budget (with its raises) at which people are told, each once a period;"
        " empty: never.",
    )
    notify_emails = ArrayField(
        models.EmailField(),
        default=list,
        db_default=[],
        blank=True,
        help_text="Who is told beside the team's leads.",
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["team", "unit", "period"]
        constraints = [
            models.CheckConstraint(name="limit_amount_not_negative", condition=Q(amount__gte=0)),
            models.CheckConstraint(
                name="limit_unit_known", condition=Q(unit__in=["usd", "tokens", "requests", "concurrency"])
            ),
            models.CheckConstraint(
                name="limit_period_known", condition=Q(period__in=["minute", "day", "week", "month", "total"])
            ),
            models.CheckConstraint(name="limit_mode_known", condition=Q(mode__in=["hard", "soft"])),
            models.CheckConstraint(
                name="limit_concurrency_is_hard_and_total",
                condition=~Q(unit="concurrency") | Q(period="total", mode="hard"),
                violation_error_message="Calls in flight have no period (choose total); the limit is hard.",
            ),
            models.CheckConstraint(
                name="limit_queue_is_short",
                condition=Q(queue_seconds=0.0)
                | Q(~Q(unit="usd"), queue_seconds__gt=0.0, queue_seconds__lte=LONGEST_QUEUE_SECONDS),
                violation_error_message="A call may wait up to 30 seconds, and for no budget.",
            ),
            models.CheckConstraint(
                name="limit_scope_is_one",
                condition=Q(api_key__isnull=True, model__isnull=True)
                | Q(tag_name="", api_key__isnull=True)
                | Q(tag_name="", model__isnull=True),
                violation_error_message="A limit is on a team, a key, a model or a tag: choose one.",
            ),
            models.CheckConstraint(
                name="limit_tag_is_whole",
                condition=Q(tag_name="", tag_value="") | (~Q(tag_name="") & ~Q(tag_value="")),
                violation_error_message="A tag has a name and a value.",
            ),
            models.UniqueConstraint(
                fields=["team", "api_key", "model", "tag_name", "tag_value", "unit", "period", "mode"],
                nulls_distinct=False,
                name="limit_once_per_scope",
            ),
        ]

    @property
    def scope(self) -> str:
        """``whole team``, ``key ci``, ``model openai/gpt-4o``, ``tag feature=search``"""
        if self.api_key is not None:
            return f"key {self.api_key.name}"
        if self.model is not None:
            return f"model {self.model.full_name}"
        return f"tag {self.tag_name}={self.tag_value}" if self.tag_name else "whole team"

    def __str__(self) -> str:
        scope: object = self.api_key or self.team
        if self.model:
            scope = f"{self.team} x {self.model}"
        elif self.tag_name:
            scope = f"{self.team} x {self.tag_name}={self.tag_value}"
        amount = f"{Decimal(self.amount).normalize():f}"
        if self.unit == self.Unit.CONCURRENCY:
            return f"{scope}: {amount} calls in flight"
        return f"{scope}: {amount} {self.unit} a {self.period} ({self.mode})"


class LimitWindow(models.Model):
    """What one limit has left in one half-open period [starts_at, ends_at).

    ``held``     set aside by open holds
    ``spent``    booked by cost entries
    ``exposed``  what calls of unknown cost may have cost at most (lost to a crash, say), until corrected
    ``raised``   approved raises of this period; what is left is amount + raised - spent - held - exposed
    Written only by the SQL functions metering_admit, metering_settle, metering_open_window and
    metering_apply_raises. Tokens are
    counted in the same columns as USD, so there is room for 10^16 of them: 28 digits, as many as Python's
    decimals add up exactly.
    """

    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="windows", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    held = models.DecimalField(max_digits=28, decimal_places=12, default=0)
    spent = models.DecimalField(max_digits=28, decimal_places=12, default=0)
    exposed = models.DecimalField(max_digits=28, decimal_places=12, default=0)
    raised = models.DecimalField(
        max_digits=28,
        decimal_places=12,
        default=0,
        db_default=0,
        help_text="Added to the limit's amount for this period, by raises that were approved.",
    )

    class Meta:
        ordering = ["limit", "-starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["limit", "starts_at"], name="limit_window_once"),
            models.CheckConstraint(name="limit_window_not_empty", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(name="limit_window_held_not_negative", condition=Q(held__gte=0)),
            models.CheckConstraint(name="limit_window_raised_not_negative", condition=Q(raised__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.limit} from {self.starts_at:%Y-%m-%d %H:%M}"


class LimitRaise(models.Model):
    """More room in one limit for one of its periods: asked for by one person, decided by another.

    Nothing is raised until it is ``approved``. The person who asked may decide only where the installation
    lets people approve their own requests (SELF_APPROVAL), and the row then says so.
    """

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        DENIED = "denied"
        WITHDRAWN = "withdrawn"

    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="raises")
    starts_at = models.DateTimeField(help_text="Of the period that it is for.")
    ends_at = models.DateTimeField()
    amount = models.DecimalField(
        max_digits=28, decimal_places=12, help_text="In the limit's unit, on top of its amount."
    )
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    self_approved = models.BooleanField(default=False)
    note = models.CharField(max_length=500, blank=True, help_text="Of the person who decided.")

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("ask_limitraise", "Can ask for raises of limits"),
            ("approve_limitraise", "Can approve and deny raises of limits"),
        ]
        constraints = [
            models.CheckConstraint(name="limit_raise_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="limit_raise_period_not_empty", condition=Q(ends_at__gt=F("starts_at"))
            ),
            models.CheckConstraint(name="limit_raise_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="limit_raise_state_known",
                condition=Q(state__in=["open", "approved", "denied", "withdrawn"]),
            ),
            models.CheckConstraint(
                name="limit_raise_decided_or_open",
                condition=Q(state="open", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="limit_raise_approved_by_another",
                condition=~Q(state="approved") | ~Q(decided_by=F("asked_by")) | Q(self_approved=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit}: +{Decimal(self.amount).normalize():f} ({self.state})"

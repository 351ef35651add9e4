"""The books: holds before, cost entries after, and the daily rollup written with them."""

import decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from catalog.models import ApiKey, LanguageModel, Price, Team
from metering.usage import BUCKETS


def _tokens() -> "models.BigIntegerField[int | None, int | None]":
    return models.BigIntegerField(null=True)


def _sum() -> "models.BigIntegerField[int, int]":
    return models.BigIntegerField(default=0)


def _usd_sum(**options: Any) -> "models.DecimalField[object, decimal.Decimal]":
    """What many entries add up to: 28 digits, as many as Python's decimals add up exactly."""
    return models.DecimalField(max_digits=28, decimal_places=12, **options)


def _usd(**options: Any) -> "models.DecimalField[object, decimal.Decimal]":
    return models.DecimalField(max_digits=24, decimal_places=12, **options)


class CostEntry(models.Model):
    """The ledger: one row for one attempt, one cache hit, or one correction.

    The table exists so that what was billed can always be explained. It only grows: a trigger refuses UPDATE,
    DELETE and TRUNCATE; a correction is a new row that names the one it corrects. ``cost`` is NULL when it is
    unknown, with ``cost_reason`` saying why and ``exposure`` what it may have been at most.

    Foreign keys have no index of their own where a composite one begins with the same column.
    """

    class Kind(models.TextChoices):
        ATTEMPT = "attempt"
        CACHE_HIT = "cache_hit"
        CORRECTION = "correction"

    class UsageSource(models.TextChoices):
        REPORTED = "reported", "reported by the vendor"
        DRAINED = "drained", "reported after the caller had left"
        ESTIMATED = "estimated", "estimated from the text"
        UNKNOWN = "unknown", "unknown"

    class Outcome(models.TextChoices):
        OK = "ok"
        ERROR = "error", "the vendor failed or refused"
        CUT = "cut", "the answer broke off"
        CLIENT_CLOSED = "client_closed", "the caller left"
        LOST = "lost", "the worker died"

    class CostReason(models.TextChoices):
        PRICED = "", "priced"
        UNPRICED = "unpriced", "no price in force"
        UNPRICED_VARIANT = "unpriced_variant", "no price for the service tier that was served"
        UNPRICED_COMPONENT = "unpriced_component", "no rate for a kind of token or fee that was used"
        NO_USAGE = "no_usage", "the vendor reported no usage"
        LOST = "lost", "the worker died before the answer was booked"
        NOT_BILLED = "not_billed", "vendors do not bill refused calls"
        CACHE_HIT = "cache_hit", "answered from our cache"
        REPORTED = "reported", "the vendor's own figure"

    request_id = models.UUIDField(
        help_text="Made by the gateway (UUIDv7); ties header, logs, hold and entries."
    )
    attempt = models.PositiveSmallIntegerField()
    part = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="0: what the called model used; above: another model that the vendor used for the same"
        " answer.",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ATTEMPT)
    corrects = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections", db_index=False
    )
    batch = models.ForeignKey(
        "CorrectionBatch",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="entries",
        db_index=False,
    )
    reverses = models.BooleanField(
        default=False, db_default=False, help_text="Takes back the entry that it corrects, tokens and all."
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+")
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="+", db_index=False)
    route = models.CharField(max_length=200, help_text="The name the caller asked for.")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    variant = models.CharField(max_length=10, default="standard")

    input = _tokens()
    cache_read = _tokens()
    cache_write_5m = _tokens()
    cache_write_1h = _tokens()
    output = _tokens()
    reasoning = _tokens()
    audio_input = _tokens()
    audio_output = _tokens()
    requests = _tokens()
    usage_source = models.CharField(max_length=10, choices=UsageSource.choices)
    raw_usage: "models.JSONField[Any, Any]" = models.JSONField(
        null=True, help_text="What the vendor reported, verbatim."
    )
    flags: "ArrayField[list[str], list[str]]" = ArrayField(models.CharField(max_length=40), default=list)

    cost = _usd(null=True)
    cost_reason = models.CharField(max_length=20, choices=CostReason.choices, default="", blank=True)
    reported_cost = _usd(
        null=True,
        help_text="USD that the vendor says it charges; booked as the cost only where it is trusted.",
    )
    exposure = _usd(null=True)
    exposure_tokens = models.BigIntegerField(null=True)
    held = _usd(null=True, help_text="USD set aside before the call.")
    overrun = models.BooleanField(default=False, help_text="The real cost exceeded what was set aside.")

    outcome = models.CharField(max_length=13, choices=Outcome.choices)
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status of the vendor.")
    error_class = models.CharField(max_length=20, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    streamed = models.BooleanField(default=False)
    served_model = models.CharField(
        max_length=200, blank=True, help_text="The model's name in the vendor's answer."
    )
    upstream_id = models.CharField(max_length=200, blank=True)
    client_request_id = models.CharField(max_length=200, blank=True)
    tags: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    note = models.CharField(max_length=300, blank=True, help_text="Who corrected, and why.")

    started_at = models.DateTimeField(help_text="When the request came; decides price, period and day.")
    day = models.DateField(help_text="The day of started_at in the business time zone.")
    billed_in = models.DateField(
        null=True,
        blank=True,
        help_text="First day of the month it is billed in, where that of its day was closed; else empty.",
    )
    first_byte_ms = models.PositiveIntegerField(null=True)
    latency_ms = models.PositiveIntegerField(null=True)
    booked_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "cost entries"
        indexes = [
            models.Index(fields=["team", "started_at"], name="cost_entry_team_time"),
            models.Index(fields=["day", "team"], name="cost_entry_day_team"),
            models.Index(fields=["request_id"], name="cost_entry_request"),
            models.Index(fields=["model", "day"], name="cost_entry_model_day"),
            # Looked up by the vendor's id of it: by people who ask the vendor, and by calls that continue an
            # answer (metering.receipts); and by the id that the caller gave.
            models.Index(fields=["upstream_id"], condition=~Q(upstream_id=""), name="cost_entry_upstream_id"),
            models.Index(
                fields=["client_request_id"],
                condition=~Q(client_request_id=""),
                name="cost_entry_client_request",
            ),
            models.Index(
                fields=["corrects"], condition=Q(corrects__isnull=False), name="cost_entry_corrects"
            ),
            models.Index(
                fields=["billed_in"], condition=Q(billed_in__isnull=False), name="cost_entry_billed_later"
            ),
            # Lists for people go by day and id. What few entries are has an index of those few, which the
            # others do not touch: docs/decisions/0036.
            models.Index(fields=["-day", "-id"], name="cost_entry_day"),
            models.Index(
                fields=["outcome", "-day", "-id"], condition=~Q(outcome="ok"), name="cost_entry_outcome"
            ),
            models.Index(
                fields=["error_class", "-day", "-id"], condition=~Q(error_class=""), name="cost_entry_error"
            ),
            models.Index(
                fields=["usage_source", "-day", "-id"],
                condition=~Q(usage_source="reported"),
                name="cost_entry_usage",
            ),
            models.Index(
                fields=["kind", "-day", "-id"], condition=~Q(kind="attempt"), name="cost_entry_kind"
            ),
            models.Index(fields=["-day", "-id"], condition=Q(cost__isnull=True), name="cost_entry_unknown"),
            models.Index(fields=["-day", "-id"], condition=~Q(flags=[]), name="cost_entry_flagged"),
            models.Index(fields=["day"], condition=Q(attempt__gt=1), name="cost_entry_again"),
            models.Index(
                fields=["cost"], condition=Q(cost__gte=decimal.Decimal("0.5")), name="cost_entry_dear"
            ),
            models.Index(fields=["latency_ms"], condition=Q(latency_ms__gte=120_000), name="cost_entry_slow"),
            models.Index(fields=["output"], condition=Q(output__gte=8_192), name="cost_entry_long"),
            models.Index(fields=["reasoning"], condition=Q(reasoning__gte=8_192), name="cost_entry_reasoned"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["request_id", "attempt", "part"],
                condition=~Q(kind="correction"),
                name="cost_entry_once_per_attempt",
            ),
            models.UniqueConstraint(
                fields=["corrects", "note"],
                condition=Q(kind="correction", batch__isnull=True),
                name="cost_entry_correction_once",
            ),
            models.UniqueConstraint(
                fields=["batch", "corrects", "reverses"],
                condition=Q(batch__isnull=False),
                name="cost_entry_once_per_batch",
            ),
            models.UniqueConstraint(
                fields=["corrects"], condition=Q(reverses=True), name="cost_entry_reversed_once"
            ),
            models.CheckConstraint(
                name="cost_entry_batch_corrects",
                condition=Q(batch__isnull=True, reverses=False) | Q(batch__isnull=False, kind="correction"),
            ),
            models.CheckConstraint(
                name="cost_entry_billed_after_its_month",
                condition=Q(billed_in__isnull=True) | Q(billed_in__day=1, billed_in__gt=F("day")),
            ),
            models.CheckConstraint(
                name="cost_entry_kind_known", condition=Q(kind__in=["attempt", "cache_hit", "correction"])
            ),
            models.CheckConstraint(
                name="cost_entry_correction_names_entry",
                condition=Q(kind="correction", corrects__isnull=False)
                | (~Q(kind="correction") & Q(corrects__isnull=True)),
            ),
            models.CheckConstraint(
                name="cost_entry_unknown_has_reason",
                condition=Q(cost__isnull=False)
                | Q(
                    cost_reason__in=["unpriced", "unpriced_variant", "unpriced_component", "no_usage", "lost"]
                ),
            ),
            models.CheckConstraint(
                name="cost_entry_cost_names_price",
                condition=Q(cost__isnull=True)
                | Q(price__isnull=False)
                | Q(cost=0, cost_reason__in=["not_billed", "cache_hit"])
                | Q(cost=F("reported_cost"), cost_reason="reported")
                | Q(kind="correction"),
            ),
            models.CheckConstraint(
                name="cost_entry_cost_not_negative",
                condition=Q(cost__isnull=True) | Q(cost__gte=0) | Q(kind="correction"),
            ),
            models.CheckConstraint(
                name="cost_entry_reported_is_the_cost",
                condition=~Q(cost_reason="reported")
                | Q(cost__isnull=False, reported_cost__isnull=False, cost=F("reported_cost"))
                | Q(kind="correction"),
            ),
            models.CheckConstraint(
                name="cost_entry_usage_known_or_unknown",
                condition=Q(usage_source="unknown", **{f"{bucket}__isnull": True for bucket in BUCKETS})
                | (~Q(usage_source="unknown") & Q(**{f"{bucket}__isnull": False for bucket in BUCKETS})),
            ),
            models.CheckConstraint(
                name="cost_entry_tokens_not_negative",
                condition=Q(kind="correction")
                | Q(usage_source="unknown")
                | Q(**{f"{bucket}__gte": 0 for bucket in BUCKETS}),
            ),
            models.CheckConstraint(
                name="cost_entry_usage_source_known",
                condition=Q(usage_source__in=["reported", "drained", "estimated", "unknown"]),
            ),
            models.CheckConstraint(
                name="cost_entry_outcome_known",
                condition=Q(outcome__in=["ok", "error", "cut", "client_closed", "lost"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.attempt}"


class Hold(models.Model):
    """Money (and tokens, requests) set aside before a call. It lives from admission to settlement.

    Written by metering_admit, deleted by metering_settle. ``window_ids`` and ``window_amounts`` say, in
    pairs, what was set aside where, so that exactly that is released.
    """

    request_id = models.UUIDField()
    attempt = models.PositiveSmallIntegerField()
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="+", db_index=False)
    route = models.CharField(max_length=200)
    price = models.ForeignKey(Price, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    usd = _usd(null=True, help_text="Upper bound of the cost; NULL when the model has no price.")
    tokens = models.BigIntegerField(help_text="Upper bound of the tokens.")
    window_ids: "ArrayField[list[int], list[int]]" = ArrayField(models.BigIntegerField())
    window_amounts: "ArrayField[list[decimal.Decimal], list[decimal.Decimal]]" = ArrayField(_usd_sum())
    streamed = models.BooleanField(default=False)
    client_request_id = models.CharField(max_length=200, blank=True)
    tags: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    worker = models.UUIDField()
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField(
        help_text="After this the sweeper books it as lost, whatever the worker says."
    )

    class Meta:
        ordering = ["started_at"]
        constraints = [
            models.UniqueConstraint(fields=["request_id", "attempt"], name="hold_once_per_attempt"),
            models.CheckConstraint(
                name="hold_usd_not_negative", condition=Q(usd__isnull=True) | Q(usd__gte=0)
            ),
            models.CheckConstraint(
                name="hold_amounts_match_windows",
                condition=Q(window_ids__len=F("window_amounts__len")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.attempt}"


class DailySpend(models.Model):
    """The ledger added up by day, team, key, model and route; written in the same transaction as its entries.

    ``day`` is when it was spent, ``period`` the month that it is billed in: another one only for what came
    after its own month was closed.
    ``calls`` counts first attempts and cache hits (what callers asked for), ``attempts`` upstream calls.
    ``manage.py verify_ledger`` proves it equal to the ledger.
    """

    day = models.DateField()
    period = models.DateField(help_text="First day of the month it is billed in.")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    model = models.ForeignKey(LanguageModel, on_delete=models.PROTECT, related_name="+", db_index=False)
    route = models.CharField(max_length=200)
    calls = _sum()
    attempts = _sum()
    failed = _sum()
    unpriced = models.BigIntegerField(
        default=0, help_text="Entries whose cost is unknown (net of corrections)."
    )
    unbounded = models.BigIntegerField(
        default=0,
        help_text="Those of unknown cost that state no exposure: nobody knows what they cost at most.",
    )
    estimated = _sum()
    overruns = _sum()
    input = _sum()
    cache_read = _sum()
    cache_write_5m = _sum()
    cache_write_1h = _sum()
    output = _sum()
    reasoning = _sum()
    audio_input = _sum()
    audio_output = _sum()
    requests = _sum()
    cost = _usd_sum(default=0)
    exposure = _usd_sum(default=0)
    latency_ms = models.BigIntegerField(
        default=0, help_text="Sum over attempts that were answered; milliseconds."
    )
    answered = models.BigIntegerField(default=0, help_text="Attempts with a latency.")

    class Meta:
        ordering = ["-day", "team"]
        verbose_name_plural = "daily spend"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "team", "api_key", "model", "route", "period"],
                name="daily_spend_once_per_group",
            ),
            models.CheckConstraint(name="daily_spend_period_begins_a_month", condition=Q(period__day=1)),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.team} {self.model}"


class WorkerLease(models.Model):
    """A gateway worker's sign of life. Holds of a worker that stopped signing are swept."""

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

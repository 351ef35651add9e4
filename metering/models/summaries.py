"""The ledger added up for the pages: by token type, statement, hour, tag and size of answer: decision 0033.

Kept by ``metering_summarise`` up to ``SummaryMark.entry``, never by calls; ``manage.py verify_ledger`` proves
them equal to the entries up to there. Everything here can be thrown away and made again from the ledger.
"""

import decimal
from typing import Any

from django.db import models
from django.db.models import F, Q

from catalog.models import ApiKey, LanguageModel, Price, Team
from metering.models.ledger import CostEntry
from metering.usage import BUCKETS

DEAREST_KEPT = 20  # for each day, team and model


def _sum() -> "models.BigIntegerField[int, int]":
    return models.BigIntegerField(default=0, db_default=0)


def _usd(**options: Any) -> "models.DecimalField[object, decimal.Decimal]":
    return models.DecimalField(max_digits=28, decimal_places=12, default=0, db_default=0, **options)


def _to(model: Any, **options: Any) -> Any:
    return models.ForeignKey(model, on_delete=models.PROTECT, related_name="+", db_index=False, **options)


class SummaryMark(models.Model):
    """One row: every entry up to ``entry`` is in the summaries, none after it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    entry = models.BigIntegerField(default=0)
    summed_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="summary_mark_is_one", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"up to entry {self.entry}"


class DailyUsage(models.Model):
    """What one day's tokens cost, by token type. Corrections are in it, on the day that they correct.

    ``price`` is the row that gave the rates; without one the cost came as an amount. ``usd_<bucket>`` is that
    bucket's tokens x its rate; ``usd_unsplit`` what no rate explains: vendors' own figures, adjustments, and
    requests at a marginal tier. Together they are ``cost``.
    """

    day = models.DateField()
    team = _to(Team)
    api_key = _to(ApiKey)
    model = _to(LanguageModel)
    route = models.CharField(max_length=200)
    price = _to(Price, null=True)
    calls = _sum()
    attempts = _sum()
    answers = _sum()
    unpriced = models.BigIntegerField(
        default=0, db_default=0, help_text="Entries booked without a known cost, corrected since or not."
    )
    input = _sum()
    cache_read = _sum()
    cache_write_5m = _sum()
    cache_write_1h = _sum()
    output = _sum()
    reasoning = _sum()
    audio_input = _sum()
    audio_output = _sum()
    requests = _sum()
    usd_input = _usd()
    usd_cache_read = _usd()
    usd_cache_write_5m = _usd()
    usd_cache_write_1h = _usd()
    usd_output = _usd()
    usd_reasoning = _usd()
    usd_audio_input = _usd()
    usd_audio_output = _usd()
    usd_requests = _usd()
    usd_unsplit = _usd()
    cost = _usd()

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-day", "team"]
        verbose_name_plural = "daily usage"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "team", "api_key", "model", "route", "price"],
                name="daily_usage_once_per_group",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="daily_usage_parts_are_the_cost",
                condition=Q(cost=sum((F(f"usd_{bucket}") for bucket in BUCKETS), start=F("usd_unsplit"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.team} {self.model}"


class MonthlyCharge(models.Model):
    """What one month bills a team, by everything that a line of its statement can tell apart.

    The columns are those of metering.closing.groups (Key, Sums), up to the mark. ``month`` is the one it is
    billed in; ``charged`` the day of use of what belongs to an earlier one.
    """

    month = models.DateField()
    team = _to(Team)
    model = _to(LanguageModel)
    variant = models.CharField(max_length=10)
    basis = models.CharField(max_length=12, help_text="Where the amount comes from.")
    price = _to(Price, null=True)
    charged = models.DateField(null=True)
    reference = models.CharField(max_length=320, blank=True, help_text="The batch, or the correction's note.")
    entries = _sum()
    unpriced = models.BigIntegerField(
        default=0, db_default=0, help_text="Entries whose cost is unknown (net of corrections)."
    )
    exposure = _usd(help_text="USD that those of unknown cost cost at most.")
    input = _sum()
    cache_read = _sum()
    cache_write_5m = _sum()
    cache_write_1h = _sum()
    output = _sum()
    reasoning = _sum()
    audio_input = _sum()
    audio_output = _sum()
    requests = _sum()
    cost = _usd()

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-month", "team"]
        constraints = [
            models.UniqueConstraint(
                fields=["month", "team", "model", "variant", "basis", "price", "charged", "reference"],
                name="monthly_charge_once_per_group",
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="monthly_charge_begins_a_month", condition=Q(month__day=1)),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.team} {self.model}"


class HourlySpend(models.Model):
    """One hour (UTC; when the request came) of one key and model. Corrections are in their entry's hour."""

    hour = models.DateTimeField()
    team = _to(Team)
    api_key = _to(ApiKey)
    model = _to(LanguageModel)
    calls = _sum()
    attempts = _sum()
    failed = _sum()
    tokens = models.BigIntegerField(default=0, db_default=0, help_text="Of all types.")
    cost = _usd()

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-hour", "team"]
        verbose_name_plural = "hourly spend"
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "team", "api_key", "model"], name="hourly_spend_once_per_group"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.team} {self.model}"


class DailyTagSpend(models.Model):
    """What calls with one tag (``name=value``) cost. A call with two tags is in two rows: add up no names."""

    day = models.DateField()
    team = _to(Team)
    name = models.CharField(max_length=200)
    value = models.CharField(max_length=200)
    api_key = _to(ApiKey)
    model = _to(LanguageModel)
    route = models.CharField(max_length=200)
    calls = _sum()
    attempts = _sum()
    tokens = models.BigIntegerField(default=0, db_default=0, help_text="Of all types.")
    cost = _usd()

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-day", "team", "name", "value"]
        verbose_name_plural = "daily tag spend"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "team", "name", "value", "api_key", "model", "route"],
                name="daily_tag_spend_once_per_group",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.team} {self.name}={self.value}"


class AnswerSizes(models.Model):
    """How many answers of a day had about so many output tokens (visible and reasoning together).

    ``bin`` is a bin of metering.summaries.sizes: exact up to 16 tokens, then 8 to each doubling. Answers only
    (outcome ok, usage known), as they were first booked.
    """

    day = models.DateField()
    team = _to(Team)
    model = _to(LanguageModel)
    bin = models.PositiveSmallIntegerField()
    answers = _sum()
    output = models.BigIntegerField(default=0, db_default=0, help_text="Visible tokens of them.")
    reasoning = _sum()
    largest = models.BigIntegerField(help_text="Output tokens of the longest of them.")

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-day", "team", "model", "bin"]
        verbose_name_plural = "answer sizes"
        constraints = [
            models.UniqueConstraint(fields=["day", "team", "model", "bin"], name="answer_sizes_once_per_bin"),
            models.CheckConstraint(
                name="answer_sizes_known",
                condition=Q(bin__gte=0, answers__gte=1, output__gte=0, reasoning__gte=0, largest__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.team} {self.model} {self.bin}"


class DearEntry(models.Model):
    """The dearest attempts of each day, team and model, as they were first booked: at most DEAREST_KEPT."""

    entry = models.OneToOneField(
        CostEntry, on_delete=models.PROTECT, related_name="+", primary_key=True, db_constraint=False
    )
    day = models.DateField()
    team = _to(Team)
    api_key = _to(ApiKey)
    model = _to(LanguageModel)
    cost = _usd()

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-cost", "entry"]
        verbose_name_plural = "dearest entries"
        indexes = [models.Index(fields=["day", "team", "model", "-cost"], name="dear_entry_day")]

    def __str__(self) -> str:
        return f"{self.entry_id}"

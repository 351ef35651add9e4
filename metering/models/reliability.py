"""The ledger added up for the reliability page, as the other summaries are: docs/decisions/0028 and 0033.

A row is found by what it counts, so that is its primary key: an index less to write for each.
"""

import decimal
from typing import Any

from django.db import models

from catalog.models import LanguageModel, Team


def _to(model: Any) -> Any:
    return models.ForeignKey(model, on_delete=models.PROTECT, related_name="+", db_index=False)


def _sum(text: str = "") -> "models.BigIntegerField[int, int]":
    return models.BigIntegerField(default=0, db_default=0, help_text=text)


def _usd(text: str) -> "models.DecimalField[object, decimal.Decimal]":
    return models.DecimalField(max_digits=28, decimal_places=12, default=0, db_default=0, help_text=text)


class DailyEnds(models.Model):
    """How many entries of a day ended one way, and what they cost. Corrections are in it, on the day that
    they correct, with the end that they are booked with."""

    pk = models.CompositePrimaryKey(
        *("day", "team_id", "route", "model_id", "kind", "first", "whole", "outcome", "error_class")
    )
    day = models.DateField()
    team = _to(Team)
    route = models.CharField(max_length=200)
    model = _to(LanguageModel)
    kind = models.CharField(max_length=10)
    first = models.BooleanField(help_text="First attempts and cache hits: one for each request.")
    whole = models.BooleanField(help_text="No further parts of an attempt.")
    outcome = models.CharField(max_length=13)
    error_class = models.CharField(max_length=20, blank=True)
    entries = _sum()
    cost = _usd("USD of those of known cost.")
    unknown = _sum("Entries of unknown cost (net of corrections).")
    exposure = _usd("USD that those of unknown cost cost at most (net of corrections).")
    unbounded = _sum("Those of unknown cost of which nobody knows what they cost at most.")

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-day", "team"]
        verbose_name_plural = "daily ends"

    def __str__(self) -> str:
        return f"{self.day} {self.team} {self.model} {self.outcome}"


class DailyLatencies(models.Model):
    """How many answers of a day took about so long: attempts with outcome ok, without further parts.

    ``bin`` is one of metering.summaries.durations: exact below 32 ms, then 16 to each doubling.
    """

    pk = models.CompositePrimaryKey("day", "team_id", "route", "model_id", "first_token", "bin")
    day = models.DateField()
    team = _to(Team)
    route = models.CharField(max_length=200)
    model = _to(LanguageModel)
    first_token = models.BooleanField(help_text="To the first byte of streams, else to the end of answers.")
    bin = models.PositiveSmallIntegerField()
    answers = _sum()

    class Meta:
        default_permissions = ()  # read through pages that have their own
        ordering = ["-day", "team", "model", "bin"]
        verbose_name_plural = "daily latencies"

    def __str__(self) -> str:
        return f"{self.day} {self.team} {self.model} {self.bin}"

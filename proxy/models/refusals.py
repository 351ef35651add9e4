"""Requests that ended before any vendor was asked, for a reason that is not their caller's."""

import datetime as dt

from django.db import models
from django.db.models import F, Func, Q, Value

from catalog.models import Team

MINUTE = dt.timedelta(minutes=1)
SOME_MINUTE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class Refusal(models.Model):
    """How many were refused in one minute. The ledger has no entry of them: without these rows a day on which
    every breaker is open would look like a quiet one. ``proxy.reliability.refusals`` alone writes them.

    ``route`` is empty where the request was refused before its body was read.
    """

    minute = models.DateTimeField(help_text="In which the requests came; its beginning.")
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        related_name="refusals",
        null=True,
        blank=True,
        help_text="Empty: not known.",
    )
    route = models.TextField(blank=True, help_text="The model's name as the caller gave it.")
    code = models.TextField(help_text="What the caller was told.")
    calls = models.BigIntegerField()

    class Meta:
        ordering = ["minute", "id"]
        default_permissions = ()  # the reliability page shows them; nobody edits them
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "team", "route", "code"], name="refusal_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                name="refusal_minute_begins",
                condition=Q(minute=Func(Value(MINUTE), F("minute"), Value(SOME_MINUTE), function="date_bin")),
            ),
            models.CheckConstraint(name="refusal_calls_positive", condition=Q(calls__gt=0)),
            models.CheckConstraint(name="refusal_code_given", condition=~Q(code="")),
        ]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.code}: {self.calls}"


class RefusalBatch(models.Model):
    """The last batch of refusals that a worker added up: one whose answer was lost is not added again."""

    worker = models.UUIDField(primary_key=True)
    number = models.BigIntegerField(help_text="Grows by one with every batch of the worker.")
    at = models.DateTimeField(help_text="When it was added.")

    class Meta:
        ordering = ["worker"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(name="refusal_batch_number_positive", condition=Q(number__gt=0))
        ]

    def __str__(self) -> str:
        return f"{self.worker}: {self.number}"

"""Percentiles of latency over long periods: from the bins that are kept of each day. See decision 0028."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Count, F, Func, QuerySet, SmallIntegerField, Sum, Value

from metering.models import CostEntry
from metering.summaries import durations
from proxy.pages.filters import Asked
from proxy.pages.latencies import FEWEST, Latencies, Percentiles, Timed
from proxy.pages.ledger_rows import Sold
from proxy.pages.sources import Sources

PER_MILLE = (500, 950, 990, 999)
NAMES = ("model_id", "to_first", "of_bin", "number")
Bins = Counter[int]  # answers by bin


def latencies(*, asked: Asked, sources: Sources, sold: Mapping[int, Sold]) -> Timed:
    """Of the attempts on the models ``sold`` that were answered, by ``asked.by``. One query."""
    groups: dict[tuple[str | None, bool], Bins] = {}
    for model, to_first, number, answers in _rows(sources):
        for group in (None, sold[model].value(asked.by)) if model in sold else ():
            groups.setdefault((group, to_first), Counter())[number] += int(answers)
    names = {name for name, _ in groups}
    found = {name: _latencies(groups, name) for name in names}
    total = found.pop(None, Latencies())
    return Timed(total, {name: times for name, times in found.items() if name is not None})


def _rows(sources: Sources) -> Iterator[tuple[int, bool, int, int]]:
    """A model, whether it is the time to the first token, a bin, and how many answers are in it.

    Of all models: thousands in the catalog would take longer to name than to leave out here.
    """
    kept = sources.latencies.values("model_id", to_first=F("first_token"))
    read: list[QuerySet[Any, Any]] = []
    for part in sources.read:
        answers = part.rows.filter(kind="attempt", part=0, outcome="ok")
        read.append(_binned(answers, "latency_ms", first_token=False))
        read.append(_binned(answers.filter(streamed=True), "first_byte_ms", first_token=True))
    found = kept.annotate(of_bin=F("bin"), number=Sum("answers")).values_list(*NAMES)
    return iter(found.union(*read, all=True))


def _binned(answers: QuerySet[CostEntry], milliseconds: str, *, first_token: bool) -> QuerySet[Any, Any]:
    timed = answers.filter(**{f"{milliseconds}__isnull": False})
    of_bin = Func(F(milliseconds), function="metering_latency_bin", output_field=SmallIntegerField())
    rows = timed.values("model_id", to_first=Value(first_token), of_bin=of_bin)
    return rows.annotate(number=Count("pk")).values_list(*NAMES)


def _latencies(groups: Mapping[tuple[str | None, bool], Bins], name: str | None) -> Latencies:
    return Latencies(
        *(_percentiles(groups.get((name, first_token), Counter())) for first_token in (False, True))
    )


def _percentiles(bins: Bins) -> Percentiles:
    count = bins.total()
    if not count:
        return Percentiles()
    p50, p95, p99, p999 = durations.quantiles(bins, PER_MILLE)
    return Percentiles(count, p50, p95, p99, None if count < FEWEST else p999)

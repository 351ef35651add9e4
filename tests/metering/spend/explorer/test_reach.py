"""Calls without a tag are looked for where the rollup has more than the summary by tag."""

from typing import Any

from django.http import QueryDict

from catalog.visibility import Visibility
from metering.models import CostEntry
from metering.spend.explorer import reach
from metering.spend.explorer.asked import entry_filters
from metering.summaries import summing
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, Month

ALL = Visibility(team_ids=None)
NOVEMBER = "from=2026-11-01&to=2026-11-30"


def reached(query: str) -> list[int]:
    """Entries at the days, keys and models that are looked at."""
    filters = entry_filters(QueryDict(f"{NOVEMBER}&{query}"), today=AT.date()).spend
    found = reach.reach(filters, ALL, trust_summary=True)
    return list(CostEntry.objects.filter(found.groups).order_by("pk").values_list("pk", flat=True))


def book(month: Month, *, tagged: bool, **fields: Any) -> CostEntry:
    key = factories.make_key("with" if tagged else "without", team=factories.make_team("tags"))
    tags = {"feature": "search"} if tagged else {"env": "prod"}
    columns = {"price": month.haiku.prices.get(), "usage": Usage(output=5), "tags": tags} | fields
    return factories.make_entry(key=key, model=month.haiku, **columns)


def test_keys_whose_calls_all_carry_the_tag_are_left_out(month: Month) -> None:
    book(month, tagged=True)
    without = book(month, tagged=False)
    summing.catch_up()

    assert reached("team=tags&tag=feature&tagged=no") == [without.pk]


def test_nothing_is_looked_at_where_every_call_carries_the_tag(month: Month) -> None:
    book(month, tagged=True)
    summing.catch_up()

    assert reached("team=tags&tag=feature&tagged=no") == []


def test_a_call_that_is_not_summed_up_yet_is_looked_at(month: Month) -> None:
    summing.catch_up()
    late = book(month, tagged=True)

    assert reached("team=tags&tag=feature&tagged=no") == [late.pk]


def test_a_cache_hit_without_the_tag_is_looked_at(month: Month) -> None:
    hit = book(month, tagged=False, usage=Usage(), kind="cache_hit", cost_reason="cache_hit")
    summing.catch_up()

    assert reached("team=tags&tag=feature&tagged=no") == [hit.pk]

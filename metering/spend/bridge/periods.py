"""What the URL of a bridge asks for: the filters, and the two periods that are compared."""

import datetime as dt
from collections.abc import Mapping

from metering.spend import compared, filters
from metering.spend.compared import BEFORE_FROM, BEFORE_TO, Compared
from metering.spend.filters import BadFilter


def bridge_periods(query: Mapping[str, str], *, today: dt.date) -> Compared:
    """Raises BadFilter."""
    now = filters.spend_filters(query, today=today)
    if now.by_tag:
        raise BadFilter("tokens by type are not kept by tag: remove the tag to see the bridge")
    start, end = filters.read_day(query, BEFORE_FROM), filters.read_day(query, BEFORE_TO)
    if start is None and end is None:
        return compared.compared(now, today=today)
    if start is None or end is None:
        raise BadFilter(f"{BEFORE_FROM} and {BEFORE_TO} name the first and the last day: give both")
    if start > end:
        raise BadFilter(f"the period before ends ({end}) before it begins ({start})")
    return compared.with_days(now, start, end, today=today)

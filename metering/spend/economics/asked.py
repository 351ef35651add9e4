"""What the URLs of token economics may ask for."""

import datetime as dt
from collections.abc import Mapping

from metering.spend import filters
from metering.spend.filters import BadFilter, Filters


def economics_filters(query: Mapping[str, str], *, today: dt.date) -> Filters:
    """Those of a report, but for tags: tokens by type are not kept by tag. Raises BadFilter."""
    asked = filters.spend_filters(query, today=today)
    if asked.by_tag:
        raise BadFilter("tokens by type are not kept by tag: remove the tag to see them")
    return asked

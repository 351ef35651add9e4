"""Price rows as plain values, rates as decimal strings."""

import datetime as dt
from decimal import Decimal
from typing import Any

from catalog.snapshot import RATES, PriceRow

AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)  # a Friday
SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def row(
    id: int = 1,
    *,
    since: dt.datetime = SINCE,
    until: dt.datetime | None = None,
    variant: str = "standard",
    above: int = 0,
    tier: str = "whole",
    hours: tuple[str, str] | None = None,
    weekdays: str = "",
    **rates: str | Decimal | None,
) -> PriceRow:
    assert set(rates) <= set(RATES)
    columns: dict[str, Any] = {
        "daily_from": dt.time.fromisoformat(hours[0]) if hours else None,
        "daily_to": dt.time.fromisoformat(hours[1]) if hours else None,
    }
    return PriceRow(
        id=id,
        effective_from=since,
        effective_to=until,
        variant=variant,
        above_input_tokens=above,
        tier=tier,
        weekdays=weekdays,
        rates={name: None if (rate := rates.get(name)) is None else Decimal(rate) for name in RATES},
        **columns,
    )

"""The overview goes by the day of use, months by what was billed: where they differ, it is said."""

import datetime as dt

from django.test import Client

from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, Month
from tests.metering.spend.test_pages import text_of

NOVEMBER = "/spend/?from=2026-11-01&to=2026-11-30"
SAID = "of this cost was billed in later months than that of its day"


def test_what_came_after_the_close_is_said(finance: Client, month: Month) -> None:
    factories.make_closed_month(dt.date(2026, 11, 1))
    price = month.haiku.prices.get()
    factories.make_entry(key=month.ads, model=month.haiku, price=price, usage=Usage(input=100), started_at=AT)

    assert f"$0.0001 {SAID}" in text_of(finance.get(NOVEMBER).content.decode())
    assert f"$0.0001 {SAID}" in text_of(finance.get(f"{NOVEMBER}&team=ads").content.decode())
    assert SAID not in finance.get(f"{NOVEMBER}&team=search").content.decode()


def test_nothing_is_said_where_they_agree(finance: Client, month: Month) -> None:
    assert SAID not in finance.get(NOVEMBER).content.decode()

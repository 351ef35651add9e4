"""The small month, its calls tagged: feature=chat $0.0003169, feature=mail $0.0015; one of them without."""

from decimal import Decimal

import pytest

from metering.summaries import summing
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month

NOVEMBER = "from=2026-11-01&to=2026-11-30"
TAGGED = "0.0205"  # chat 0.005 + 0.0005 of ads, mail 0.015
WHOLE = Decimal("0.0223169")  # and 0.0018169 of the month, without the tag


@pytest.fixture
def tagged(month: Month) -> Month:
    """Three calls more: of search chat $0.005 and mail $0.015, of ads chat $0.0005. Summed up."""
    price = month.haiku.prices.get()
    for key, feature, output in (
        (month.search, "chat", 1000),
        (month.search, "mail", 3000),
        (month.ads, "chat", 100),
    ):
        factories.make_entry(
            key=key,
            model=month.haiku,
            price=price,
            usage=Usage(output=output),
            tags={"feature": feature, "env": "prod"},
        )
    summing.catch_up()
    return month

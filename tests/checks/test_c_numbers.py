"""Checks C13 and C14: money without noise, and sums that no integer or column is too small for."""

import csv
import datetime as dt
import io
import json
import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import ApiKey, Price
from catalog.snapshot import RATES
from metering import costing, verification
from metering.models import CostEntry, DailySpend, Limit
from metering.spend import export, money
from metering.usage import BUCKETS, Usage
from proxy import envelopes
from proxy.job import Served
from tests import factories
from tests.metering import house as ledger
from tests.metering.house import House
from tests.metering.prices import AT, row

PLAIN_DECIMAL = re.compile(r"(0|[1-9]\d*)(\.\d*[1-9])?")
NOVEMBER = "from=2026-11-01&to=2026-11-30"

rates = st.integers(0, 10**9).map(lambda millionths: Decimal(millionths).scaleb(-6))
usages = st.builds(Usage, **dict.fromkeys(BUCKETS, st.integers(0, 10**7)))


@given(usage=usages, prices=st.fixed_dictionaries(dict.fromkeys(RATES, rates)))
def test_c13_every_figure_is_written_as_the_same_plain_decimal(usage: Usage, prices: dict[str, Any]) -> None:
    cost = costing.cost_of(usage, [row(**prices)], at=AT, variant="standard").usd
    assert cost is not None
    headers = dict(envelopes.served_headers(Served(model="m", attempts=1, cost_usd=cost)))
    stored = cost.quantize(Decimal("1E-12"))  # as NUMERIC(24,12) gives it back

    header = headers[b"x-tallygate-cost-usd"].decode()
    assert PLAIN_DECIMAL.fullmatch(header)
    assert Decimal(header) == cost
    assert {header} == {export.cell(stored), money.exact(stored), money.exact_usd(stored)[1:]}


@pytest.fixture
def priced(db: None) -> Price:
    return factories.make_price(input="0.01", output="0.000001", cache_read="1.234567")


@pytest.fixture
def key(db: None) -> ApiKey:
    return factories.make_key()


@pytest.fixture
def finance(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("fin", role="Finance"))
    return client


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(input=1), "0.00000001"),
        (Usage(output=1), "0.000000000001"),
        (Usage(input=161_500), "0.001615"),
        (Usage(cache_read=3), "0.000003703701"),
        (Usage(input=10**15), "10000000"),
    ],
)
def test_c13_ledger_file_command_page_and_admin_show_the_same_decimal(
    usage: Usage, cost: str, priced: Price, key: ApiKey, finance: Client
) -> None:
    request = uuid.UUID(int=7 << 76)
    entry = factories.make_entry(key=key, model=priced.model, price=priced, usage=usage, request_id=request)
    out = io.StringIO()
    call_command("spend", "--from", "2026-11-01", "--to", "2026-11-30", "--format", "json", stdout=out)
    report, entries = (
        list(csv.DictReader(io.StringIO(finance.get(f"/spend/{path}?{NOVEMBER}").getvalue().decode())))
        for path in ("export.csv", "entries/export.csv")
    )

    assert f"{CostEntry.objects.get().cost:f}".rstrip("0").rstrip(".") == cost
    assert json.loads(out.getvalue())["total"]["cost_usd"] == cost
    assert {line["cost_usd"] for line in (*report, *entries)} == {cost}
    for url in (f"/spend/entries/{request}/", f"/admin/metering/costentry/{entry.pk}/change/"):
        html = finance.get(url).content.decode()
        assert f"${cost}<" in html or f"${cost} " in html or f"${cost}\n" in html
        assert not re.search(r"\d[eE][-+]\d", re.sub(r"[0-9a-f-]{32,36}", "", html))


def test_c13_ten_times_ten_cents_is_a_dollar(db: None) -> None:
    house = ledger.build()
    ledger.settle(*(ledger.entry(house, tokens={"input": 1}, cost="0.10") for _ in range(10)))

    assert DailySpend.objects.get().cost == Decimal("1.00")


def test_c13_a_million_rows_add_up_exactly(db: None) -> None:
    """In a column of the ledger's own type; ten thousand of them through the ledger itself below."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE rows ON COMMIT DROP AS SELECT cost FROM metering_costentry LIMIT 0")
        cursor.execute(
            "INSERT INTO rows SELECT (n * 7919 %% 1000003) * 0.000000000001 + n"
            " FROM generate_series(1::bigint, 1000000) n",
            [],
        )
        cursor.execute("SELECT sum(cost), count(*) FROM rows")
        added, count = cursor.fetchone()
    expected = sum(n * 10**12 + n * 7919 % 1_000_003 for n in range(1, 1_000_001))

    assert count == 1_000_000
    assert added == costing.EXACT.multiply(Decimal(expected), Decimal("1E-12"))


def test_c13_ten_thousand_entries_add_up_exactly_in_the_rollup(db: None) -> None:
    house = ledger.build()
    costs = [Decimal(n * 7919 % 1_000_003).scaleb(-12) for n in range(10_000)]
    for start in range(0, len(costs), 1_000):
        batch = costs[start : start + 1_000]
        ledger.settle(*(ledger.entry(house, tokens={"input": 1}, cost=f"{cost:f}") for cost in batch))

    assert DailySpend.objects.get().cost == sum(costs, Decimal(0))
    assert verification.verify().differences == []


class TestC14NoSumIsTooLarge:
    """Three thousand million tokens in a day, a million million in all, and as many dollars."""

    @pytest.fixture
    def house(self, db: None) -> House:
        house = ledger.build()
        Limit.objects.create(team_id=house.team, amount=Decimal(10**13), unit="tokens", period="total")
        ledger.open_window(Limit.objects.get())
        return house

    def book(self, house: House, *, tokens: int, cost: str, days_ago: int = 0) -> None:
        at = AT - dt.timedelta(days=days_ago)
        ledger.settle(
            ledger.entry(house, at=at, tokens=dict.fromkeys(("input", "reasoning"), tokens), cost=cost)
        )

    def test_c14_a_day_of_three_thousand_million_tokens(self, house: House) -> None:
        self.book(house, tokens=2**31, cost="6.4")
        self.book(house, tokens=3 * 10**9 - 2**31, cost="3.2")

        found = DailySpend.objects.get()
        assert (found.input, found.reasoning, found.cost) == (3 * 10**9, 3 * 10**9, Decimal("9.6"))

    def test_c14_a_lifetime_of_a_million_million_tokens_and_dollars(
        self, house: House, finance: Client
    ) -> None:
        for day in range(4):
            self.book(house, tokens=5 * 10**11, cost="250000000000.000000000001", days_ago=day)
        total = Decimal("1000000000000.000000000004")

        assert sum(row.cost for row in DailySpend.objects.all()) == total
        assert ledger.window(ledger.open_window(Limit.objects.get()))[1] == 4 * 10**12
        assert verification.verify().differences == []
        out = io.StringIO()
        call_command("spend", "--from", "2026-11-01", "--to", "2026-11-30", "--format", "json", stdout=out)
        spent = json.loads(out.getvalue())["total"]
        assert (spent["input"], spent["cost_usd"]) == (2 * 10**12, f"{total:f}")
        exported = finance.get(f"/spend/export.csv?{NOVEMBER}").getvalue().decode()
        last = list(csv.DictReader(io.StringIO(exported)))[-1]
        assert (last["reasoning"], last["cost_usd"]) == (str(2 * 10**12), f"{total:f}")

    @pytest.mark.parametrize(
        "path",
        [
            "/spend/",
            "/spend/entries/",
            "/spend/export.csv",
            "/spend/entries/export.csv",
            "/admin/metering/dailyspend/",
            "/admin/metering/costentry/",
            "/admin/metering/limitwindow/",
        ],
    )
    def test_c14_every_page_and_export_works(self, path: str, house: House, finance: Client) -> None:
        for day in range(4):
            self.book(house, tokens=5 * 10**11, cost="250000000000", days_ago=day)

        response = finance.get(
            path, {} if path.startswith("/admin") else {"from": "2026-11-01", "to": "2026-11-30"}
        )

        assert response.status_code == 200
        content: Any = response.getvalue() if response.streaming else response.content
        assert content

    def test_c14_one_token_at_a_cent_per_million_is_not_lost(self, db: None) -> None:
        price = factories.make_price(input="0.01")
        entry = factories.make_entry(
            key=factories.make_key(), model=price.model, price=price, usage=Usage(input=1)
        )

        assert entry.cost == Decimal("0.00000001")
        assert DailySpend.objects.get().cost == Decimal("0.00000001")

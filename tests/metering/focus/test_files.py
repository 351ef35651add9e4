"""How rows are written: exact in CSV and in Parquet, the same again for a closed month, with flat memory."""

import csv
import dataclasses
import datetime as dt
import hashlib
import io
from decimal import Decimal

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection

from metering import focus
from metering.focus import csv_files, exporting
from metering.models import BillingPeriod, CostEntry
from metering.usage import Usage
from tests import factories
from tests.metering.closing.conftest import close
from tests.metering.focus.conftest import NOON, NOVEMBER, OCTOBER, Market, Row, rows, written

MOST_MEMORY = 40_000_000  # bytes; what is written is 100 MB


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("8400000", "8400000.0"),
        ("25.200000000000", "25.2"),
        ("0.000000525000", "0.000000525"),
        ("5.25E-7", "0.000000525"),
        ("-0.5", "-0.5"),
        ("0", "0.0"),
        ("1E+6", "1000000.0"),
    ],
)
def test_numbers_have_decimals_every_digit_and_no_exponent(value: str, text: str) -> None:
    assert csv_files.number(Decimal(value)) == text


def test_a_title_that_is_a_formula_is_led_by_an_apostrophe(market: Market) -> None:
    team = factories.make_team("evil", title='=HYPERLINK("http://evil.example")')
    market.book(factories.make_key("k", team=team), usage=Usage(input=1))

    assert rows()[0]["SubAccountName"] == '\'=HYPERLINK("http://evil.example")'


def parquet(month: dt.date = OCTOBER, **asked: str) -> pa.Table:
    out = io.BytesIO()
    focus.write_parquet(out, month=month, **asked)
    return pq.read_table(out)


def test_parquet_has_the_rows_of_the_csv(market: Market) -> None:
    market.book(usage=Usage(input=7, output=3, reasoning=11))
    market.adjust(market.book(market.ads), "-0.5")

    assert [_as_text(row) for row in parquet().to_pylist()] == rows()


def test_parquet_keeps_decimals_and_moments_as_such(market: Market) -> None:
    market.book(usage=Usage(input=7))

    schema = parquet().schema

    assert schema.field("EffectiveCost").type == pa.decimal128(38, 12)
    assert schema.field("ConsumedQuantity").type == pa.decimal128(38, 12)
    assert schema.field("ChargePeriodStart").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("ChargeClass").type == pa.string()


def test_a_closed_month_gives_the_same_bytes_whatever_is_renamed(market: Market) -> None:
    market.book()
    market.book(market.ads, model=market.unpriced, price=None)
    close()
    before = _digests()
    market.search.team.title, market.search.team.cost_center = "Another", "CC-9"
    market.search.team.save()
    market.search.name = "another"
    market.search.save()
    market.model.name = "renamed"
    market.model.save()
    market.rerate()
    market.book()

    assert _digests() == before


def test_an_open_month_has_the_names_of_today(market: Market) -> None:
    market.book(usage=Usage(input=1))
    market.search.team.title = "Another"
    market.search.team.save()

    assert [row["SubAccountName"] for row in rows()] == ["Another"]


def test_rows_that_do_not_add_up_to_the_ledger_are_refused(market: Market) -> None:
    """Should the reading of entries ever lose one, no file comes of it in silence."""
    market.book()
    whole = focus.write_csv(io.StringIO(), month=OCTOBER)
    lacking = dataclasses.replace(whole, effective=Decimal("3.499999999999"))

    assert exporting.proven(whole) is whole
    with pytest.raises(focus.Disagreement, match=r"add up to 3\.499999999999 USD, the ledger to 3\.5: run"):
        exporting.proven(lacking)


def test_the_billing_period_says_whether_it_is_closed(market: Market) -> None:
    market.book()
    close()

    assert _billing_periods(OCTOBER) == [
        {
            "BillingPeriodCreated": "2026-10-01T00:00:00Z",
            "BillingPeriodEnd": "2026-11-01T00:00:00Z",
            "BillingPeriodLastUpdated": f"{BillingPeriod.objects.get().updated_at:%Y-%m-%dT%H:%M:%SZ}",
            "BillingPeriodStart": "2026-10-01T00:00:00Z",
            "BillingPeriodStatus": "Closed",
            "InvoiceIssuerName": "openai",
        }
    ]


def test_a_month_without_a_close_is_open_since_it_began(market: Market) -> None:
    market.book(at=NOON.replace(month=11))

    (period,) = _billing_periods(NOVEMBER, billed_cost="internal")

    assert (period["BillingPeriodStatus"], period["InvoiceIssuerName"]) == ("Open", "Internal finance")
    assert period["BillingPeriodLastUpdated"] == period["BillingPeriodCreated"] == "2026-11-01T00:00:00Z"


def test_200_000_rows_are_written_with_flat_memory(db: None) -> None:
    _book_many(50_000)
    out = _Sink()

    summary = focus.write_csv(out, month=OCTOBER, by_tags=True)

    assert (summary.rows, summary.effective) == (200_000, Decimal("1.25"))
    assert out.written > 100_000_000
    assert out.grown < MOST_MEMORY


def test_parquet_is_written_a_row_group_at_a_time(db: None) -> None:
    _book_many(5_000)
    out = io.BytesIO()

    focus.write_parquet(out, month=OCTOBER, by_tags=True)

    found = pq.ParquetFile(out).metadata
    assert [found.row_group(n).num_rows for n in range(found.num_row_groups)] == [5_000] * 4


def _book_many(calls: int) -> None:
    """Each of four tokens of four kinds, and a tag that no other call has."""
    price = factories.make_price()
    usage = Usage(input=1, cache_read=1, output=1, reasoning=1)
    factories.make_entry(
        key=factories.make_key(),
        model=price.model,
        price=price,
        usage=usage,
        started_at=NOON,
        tags={"n": "0"},
    )
    own = {"id", "request_id", "tags"}
    same = ", ".join(f.column for f in CostEntry._meta.concrete_fields if f.column not in own)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO metering_costentry (request_id, tags, {same})"
            f" SELECT gen_random_uuid(), jsonb_build_object('n', n::text), {same}"
            " FROM metering_costentry, generate_series(1, %s) n",
            [calls - 1],
        )
        cursor.execute("ANALYZE metering_costentry")  # autovacuum sees no transaction


class _Sink:
    """Takes text or bytes, keeps nothing, and watches how much memory this process has meanwhile."""

    closed = False

    def __init__(self) -> None:
        self._process, self.written = psutil.Process(), 0
        self._began = self._most = self._process.memory_info().rss

    def write(self, part: str | bytes) -> None:
        self.written += len(part)
        self._most = max(self._most, self._process.memory_info().rss)

    @property
    def grown(self) -> int:
        return self._most - self._began

    def tell(self) -> int:
        return self.written

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _as_text(row: dict[str, object]) -> Row:
    return {name: csv_files.text(value) for name, value in row.items()}  # type: ignore[arg-type]


def _billing_periods(month: dt.date, **asked: str) -> list[Row]:
    out = io.StringIO()
    focus.write_billing_periods(out, month=month, **asked)  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def _digests() -> list[str]:
    """October in every form in which it can be asked for."""
    found = [
        written(version=version, billed_cost=mode)
        for version in focus.VERSIONS
        for mode in focus.BILLED_COSTS
    ]
    packed = io.BytesIO()
    summary = focus.write_parquet(packed, month=OCTOBER)
    contents = [text.encode() for text in [*found, summary.json()]] + [packed.getvalue()]
    return [hashlib.sha256(content).hexdigest() for content in contents]

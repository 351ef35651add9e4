"""What failed attempts cost, per vendor and month: on the page, in the file, in the shell."""

import csv
import datetime as dt
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.visibility import Visibility
from metering import claims
from metering.claims import VendorClaim
from metering.corrections import adjusting
from metering.models import CostEntry
from metering.usage import OTHER_MODEL, Usage
from tests import factories
from tests.metering.spend.conftest import AT, Month
from tests.metering.spend.test_pages import row_of, table, text_of

NOVEMBER = dt.date(2026, 11, 1)
EVERY_TEAM = Visibility(team_ids=None)
MILLION = Usage(input=1_000_000, output=200_000)  # 2.00 on haiku


def haiku(month: Month, **fields: Any) -> CostEntry:
    columns = {"key": month.search, "model": month.haiku, "price": month.haiku.prices.get(), "usage": MILLION}
    return factories.make_entry(**{**columns, **fields})


def broken(month: Month, **fields: Any) -> CostEntry:
    """An answer that broke off and was billed."""
    error = {"outcome": "cut", "error_class": "overloaded", "error_message": "try later", "status": 529}
    return haiku(month, **{**error, "upstream_id": "msg_1", **fields})


def claimed(provider: str = "anthropic", month: dt.date = NOVEMBER) -> list[tuple[str, Decimal]]:
    found = claims.claimed(month=month, provider=provider, visibility=EVERY_TEAM)
    return [(one.why, one.cost) for one in found]


class TestWhatIsClaimed:
    @pytest.mark.parametrize("outcome", ["error", "cut", "lost"])
    def test_an_attempt_that_failed_and_cost_something(self, month: Month, outcome: str) -> None:
        broken(month, outcome=outcome)

        assert claimed() == [(outcome, 2)]

    def test_what_was_made_again_and_not_the_attempt_that_answered(self, month: Month) -> None:
        first = haiku(month)
        haiku(month, request_id=first.request_id, attempt=2, usage=Usage(input=1))

        assert claimed() == [("retried", 2)]

    def test_not_what_cost_nothing_or_was_answered_or_left(self, month: Month) -> None:
        haiku(month)
        haiku(month, outcome="client_closed")
        broken(month, price=None, usage=Usage(), cost=Decimal(0), cost_reason="not_billed")

        assert claimed() == []

    def test_a_cost_that_is_unknown_is_counted_and_claims_nothing(self, month: Month) -> None:
        """The month has a lost call of gemini."""
        broken(month)

        assert claims.by_vendor(month=NOVEMBER, visibility=EVERY_TEAM) == (
            VendorClaim("anthropic", 1, Decimal(2), 0),
            VendorClaim("gemini", 0, Decimal(0), 1),
        )

    def test_corrections_and_parts_belong_to_the_attempt(self, month: Month) -> None:
        entry = broken(month)
        broken(month, request_id=entry.request_id, part=1, served_model="claude-helper", flags=[OTHER_MODEL])
        adjusting.adjust(
            entry_id=entry.pk, amount=Decimal("-1.5"), expected=Decimal(2), reason="credit", author="ann"
        )

        assert claimed() == [("cut", Decimal("2.5"))]

    def test_what_was_credited_in_full_is_no_longer_claimed(self, month: Month) -> None:
        entry = broken(month)
        adjusting.adjust(
            entry_id=entry.pk, amount=Decimal(-2), expected=Decimal(2), reason="credit", author="ann"
        )

        assert claimed() == []
        assert [one.provider for one in claims.by_vendor(month=NOVEMBER, visibility=EVERY_TEAM)] == ["gemini"]

    def test_the_month_of_the_call_and_its_vendor(self, month: Month) -> None:
        broken(month, started_at=dt.datetime(2026, 10, 31, 23, 59, tzinfo=dt.UTC))
        broken(month, started_at=dt.datetime(2026, 11, 30, 23, 59, tzinfo=dt.UTC))
        broken(month, started_at=dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
        broken(month, model=month.flash, price=month.flash.prices.get())

        assert claimed() == [("cut", 2)]
        assert claimed("gemini") == [("cut", Decimal("0.8"))]

    def test_a_call_made_again_after_midnight_of_the_last_day(self, month: Month) -> None:
        late = dt.datetime(2026, 11, 30, 23, 59, 59, tzinfo=dt.UTC)
        first = haiku(month, started_at=late)
        haiku(month, request_id=first.request_id, attempt=2, started_at=late + dt.timedelta(seconds=2))

        assert claimed() == [("retried", 2)]

    def test_every_batch_of_rows_is_read(self, month: Month, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(claims, "BATCH", 2)
        for _ in range(5):
            broken(month)

        assert len(claimed()) == 5


class TestThePage:
    URL = "/spend/claims/?month=2026-11"

    def test_vendors_and_the_attempts_of_the_chosen_one(self, finance: Client, month: Month) -> None:
        entry = broken(month)

        html = finance.get(f"{self.URL}&provider=anthropic").content.decode()

        assert row_of(html, "anthropic") == ["anthropic", "$2.00", "1", "0"]
        assert row_of(html, "gemini") == ["gemini", "unknown", "0", "1"]
        assert f'href="/spend/entries/{entry.request_id}/"' in html
        assert "msg_1 cut overloaded (HTTP 529) claude-haiku-4-5 1,000,000 200,000" in text_of(html)

    def test_a_month_of_which_nothing_is_known_claims_an_unknown_sum(
        self, finance: Client, month: Month
    ) -> None:
        broken(month, usage=None, price=None, cost_reason="lost")

        html = finance.get(self.URL).content.decode()

        assert row_of(html, "Total")[1] == "unknown"
        file = table(finance, self.URL.replace("/?", "/vendors.csv?"))
        assert [row["cost_usd"] for row in file] == ["", "", ""]

    def test_each_number_leads_on(self, finance: Client, month: Month) -> None:
        broken(month)
        html = finance.get(self.URL).content.decode()

        assert '<a href="?month=2026-11&amp;provider=anthropic">' in html
        assert (
            "/spend/entries/?from=2026-11-01&amp;to=2026-11-30&amp;provider=gemini&amp;cost=unknown" in html
        )
        assert '<a href="?month=2026-10">October 2026</a>' in html

    def test_no_month_to_come_is_offered(self, finance: Client) -> None:
        this = timezone.localdate().replace(day=1)
        last = (this - dt.timedelta(days=1)).replace(day=1)

        assert f"?month={this:%Y-%m}" in finance.get(f"/spend/claims/?month={last:%Y-%m}").content.decode()
        offered = re.findall(r"\?month=([0-9-]+)", finance.get("/spend/claims/").content.decode())
        assert max(offered) == f"{this:%Y-%m}"

    def test_a_month_without_failures(self, finance: Client) -> None:
        assert "Nothing to claim" in finance.get("/spend/claims/?month=2026-01").content.decode()

    @pytest.mark.parametrize("query", ["month=november", "month=0026-01", "month=2026-13"])
    def test_a_month_that_cannot_be(self, finance: Client, query: str) -> None:
        answer = finance.get(f"/spend/claims/?{query}")
        assert answer.status_code == 400
        assert "month must be one" in answer.content.decode()

    def test_it_asks_the_database_a_fixed_number_of_questions(
        self, finance: Client, month: Month, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        """Session, person, two for permissions; then the vendors and the attempts."""
        for _ in range(3):
            broken(month)
        with django_assert_num_queries(6):
            finance.get(f"{self.URL}&provider=anthropic")

    def test_a_lead_sees_the_own_team_alone(self, team_lead: Client, month: Month) -> None:
        broken(month, key=month.ads)
        url = f"{self.URL}&provider=anthropic"

        assert "anthropic" not in team_lead.get(self.URL).content.decode()
        assert [row["row"] for row in table(team_lead, url.replace("/?", "/export.csv?"))] == ["total"]


class TestTheFile:
    URL = "/spend/claims/export.csv?month=2026-11&provider=anthropic"

    def test_exact_decimals_and_a_total(self, finance: Client, month: Month) -> None:
        broken(month, usage=Usage(input=13, output=4))
        broken(month)

        first, _, total = table(finance, self.URL)

        assert (first["cost_usd"], total["cost_usd"]) == ("0.000033", "2.000033")
        assert (first["vendor_request_id"], first["status"], first["error_class"], first["error"]) == (
            "msg_1",
            "529",
            "overloaded",
            "try later",
        )
        assert (first["started_at"], first["ended"], total["row"]) == (
            "2026-11-20T12:00:00.000Z",
            "cut",
            "total",
        )

    def test_nothing_in_it_runs_in_a_spreadsheet(self, finance: Client, month: Month) -> None:
        broken(month, error_message='=HYPERLINK("http://x.example")', upstream_id="-1+2")

        row, _ = table(finance, self.URL)

        assert row["error"] == '\'=HYPERLINK("http://x.example")'
        assert row["vendor_request_id"] == "'-1+2"

    def test_the_vendor_does_not_learn_who_called(self, finance: Client, month: Month) -> None:
        broken(month)
        text = finance.get(self.URL).getvalue().decode()
        assert "search" not in text
        assert month.search.prefix not in text

    def test_a_claim_is_for_one_vendor(self, finance: Client) -> None:
        answer = finance.get("/spend/claims/export.csv?month=2026-11")
        assert answer.status_code == 400
        assert "choose a provider" in answer.content.decode()


class TestTheCommand:
    def said(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("claims", "--provider", "anthropic", "--month", "2026-11", *arguments, stdout=out)
        return out.getvalue()

    def test_the_same_file(self, finance: Client, month: Month) -> None:
        broken(month)
        assert list(csv.DictReader(io.StringIO(self.said("--format", "csv")))) == table(
            finance, TestTheFile.URL
        )

    def test_a_table(self, month: Month) -> None:
        broken(month, started_at=AT)

        heads, row, total = [line.split() for line in self.said().splitlines()]

        assert heads == [
            "started_at",
            "model",
            "vendor_request_id",
            "status",
            "error_class",
            "ended",
            "cost_usd",
        ]
        assert row == [
            "2026-11-20T12:00:00.000Z",
            "claude-haiku-4-5",
            "msg_1",
            "529",
            "overloaded",
            "cut",
            "2",
        ]
        assert (total[0], total[-1]) == ("total", "2")

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (("--provider", "nobody"), "no provider 'nobody'"),
            (("--month", "november"), "--month must be one such as 2026-10"),
        ],
    )
    def test_what_cannot_be_is_said(self, month: Month, arguments: tuple[str, ...], why: str) -> None:
        with pytest.raises(CommandError, match=why):
            self.said(*arguments)

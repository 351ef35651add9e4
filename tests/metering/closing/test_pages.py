"""/spend/months/: who sees which month, who takes which step, and what files there are."""

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from catalog.visibility import Visibility
from metering.closing import reopening
from metering.models import BillingPeriod, Closing
from metering.spend.months import pages
from metering.templatetags.closing import obstacle_url
from tests import factories
from tests.metering.closing.conftest import NOON, NOVEMBER, OCTOBER, Books, close
from tests.metering.house import UTC

MONTHS = "/spend/months/"
PAGE = f"{MONTHS}2026-10/"


@pytest.fixture
def finance(books: Books) -> Client:
    person = factories.make_user("fin", role="Finance")
    _may(person, "close_billingperiod")
    return _logged_in(person)


@pytest.fixture
def approver(books: Books) -> Client:
    person = factories.make_user("eve", role="Approver")
    _may(person, "approve_reopening")
    return _logged_in(person)


@pytest.fixture
def lead(books: Books) -> Client:
    person = factories.make_user("lea")
    factories.make_team("ads", leads=(person,))
    return _logged_in(person)


def text(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def table(client: Client, url: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(url).getvalue().decode())))


def post(client: Client, step: str, **fields: str) -> int:
    return client.post(f"{PAGE}{step}/", fields).status_code


def test_a_month_is_closed_step_by_step(finance: Client, books: Books) -> None:
    assert "Begin to close October" in text(finance, PAGE)
    assert post(finance, "begin") == 302
    assert "1 entry is of unknown cost" in text(finance, PAGE)
    refused = finance.post(f"{PAGE}finish/")
    assert (refused.status_code, "1 entry is of unknown cost" in refused.content.decode()) == (409, True)
    assert post(finance, "waive", kind="unpriced", subject="", reason=" ") == 409
    assert post(finance, "waive", kind="unpriced", subject="", reason="below a dollar") == 302
    assert post(finance, "waive", kind="unreconciled", subject="openai", reason="bill to come") == 302
    assert "You let something pass, so another person closes the month" in text(finance, PAGE)
    assert post(finance, "finish") == 409
    other = _logged_in(factories.make_user("second", role="Finance"))
    assert post(other, "finish") == 302

    page = text(finance, PAGE)
    assert "2026-10/search/1" in page
    assert "Let pass by fin: below a dollar" in page


def test_a_single_admin_closes_and_it_is_kept_as_self_approved(
    finance: Client, books: Books, settings: Settings
) -> None:
    settings.SELF_APPROVAL = True
    post(finance, "begin")
    post(finance, "waive", kind="unpriced", subject="", reason="below a dollar")
    post(finance, "waive", kind="unreconciled", subject="openai", reason="bill to come")

    assert post(finance, "finish") == 302

    assert [one.get("self_approved") for one in Closing.objects.get().waived] == ["yes", "yes"]
    assert "below a dollar (self-approved)" in text(finance, PAGE)


def test_the_earlier_month_is_named_and_linked_before_anybody_begins(books: Books) -> None:
    books.entry(at=NOON + dt.timedelta(days=31))
    person = factories.make_user("fin", role="Finance")
    late = dt.datetime(2026, 12, 6, tzinfo=dt.UTC)

    found = pages.month_page(
        month=NOVEMBER, person=person, visibility=Visibility(team_ids=None), at=late, zone=UTC
    )

    assert found is not None
    assert found.stands
    [one] = [one for one in found.obstacles if one.stands]
    assert one.sentence == "2026-10 is not closed yet: months are closed in order."
    assert obstacle_url(one, NOVEMBER) == PAGE


def test_statements_add_up_to_the_months_total_as_shown(finance: Client, books: Books) -> None:
    """$3.500285 and $0.015 are $3.50 and $0.02: together $3.52, exactly 3.515285."""
    page = text(finance, PAGE)

    assert ">$3.50</span>" in page
    assert ">$0.02</span>" in page
    assert ">$3.52</span>" in page
    assert "Exactly 3.515285 USD." in page


def test_what_is_for_earlier_months_is_said(finance: Client, books: Books) -> None:
    close()
    books.entry()

    page = text(finance, PAGE.replace("2026-10", "2026-11"))

    assert "3.5 USD of it is spend of earlier months, which were closed" in page


def test_a_begun_close_is_withdrawn(finance: Client, books: Books) -> None:
    post(finance, "begin")
    assert post(finance, "withdraw") == 302
    assert BillingPeriod.objects.get().status == "open"


def test_reopening_is_asked_for_by_one_and_approved_by_another(
    finance: Client, approver: Client, books: Books
) -> None:
    close()
    assert post(finance, "reopening", reason="late invoice") == 302
    (asked,) = BillingPeriod.objects.get().closings.get().reopenings.all()
    assert post(finance, f"reopening/{asked.pk}", decision="approve") == 403
    assert post(approver, f"reopening/{asked.pk}", decision="perhaps") == 409
    assert post(approver, f"reopening/{asked.pk}", decision="approve", note="agreed") == 302

    page = text(finance, PAGE)
    assert "Approved by eve" in page
    assert "Begin to close October" in page
    assert "superseded" in page


@pytest.mark.parametrize("step", ["begin", "withdraw", "waive", "finish", "reopening", "reopening/1"])
def test_no_step_is_taken_without_the_permission(approver: Client, lead: Client, step: str) -> None:
    assert post(lead, step) == 403
    assert step.endswith("/1") or post(approver, step) == 403


def test_a_lead_sees_the_statement_of_the_own_team_alone(lead: Client, books: Books) -> None:
    for status in ("preliminary", "closed"):
        page = text(lead, PAGE)
        assert "ads" in page
        assert "search" not in page
        assert '<span title="0.015">$0.02</span>' in page
        assert "3.5" not in page
        assert [row["team"] for row in table(lead, f"{PAGE}chargeback.csv")] == ["ads", "", ""]
        assert "0.015" in text(lead, f"{PAGE}{books.ads.team_id}/")
        for file in ("", "statement.pdf", "lines.csv"):
            assert lead.get(f"{PAGE}{books.search.team_id}/{file}").status_code == 404
        assert lead.get(f"{PAGE}pack.zip").status_code == 403
        if status == "preliminary":
            close()


def test_a_statement_is_marked_while_the_month_is_not_closed(finance: Client, books: Books) -> None:
    url = f"{PAGE}{books.search.team_id}/"
    assert "Preliminary: the month is not closed." in text(finance, url)
    close()
    page = text(finance, url)
    assert "Preliminary" not in page
    assert "2026-10/search/1" in page
    assert '<td class="n">3.500285</td>' in page


def test_an_old_version_says_that_it_was_superseded(finance: Client, approver: Client, books: Books) -> None:
    asked = reopening.ask(month=OCTOBER, reason="late", by=books.ann, at=close().closed_at)
    post(approver, f"reopening/{asked.pk}", decision="approve")
    close()

    url = f"{PAGE}{books.ads.team_id}/"
    assert "2026-10/ads/2" in text(finance, url)
    assert "Superseded" in text(finance, f"{url}?version=1")
    assert "2026-10/ads/1" in text(finance, f"{url}?version=1")
    assert finance.get(f"{url}?version=3").status_code == 404


def test_the_lines_as_a_file_are_those_of_the_page(finance: Client, books: Books) -> None:
    close()
    rows = table(finance, f"{PAGE}{books.search.team_id}/lines.csv")

    assert [
        (row["kind_of_token"], row["quantity"], row["unit_price_usd"], row["cost_usd"]) for row in rows
    ] == [
        ("input", "1000013", "2.5", "2.5000325"),
        ("cache_read", "1", "2.5", "0.0000025"),
        ("output", "100004", "10", "1.00004"),
        ("reasoning", "21", "10", "0.00021"),
        ("", "", "", ""),
    ]
    assert sum(Decimal(row["cost_usd_cents"] or 0) for row in rows) == Decimal("3.50")


def test_the_pdf_is_sent_as_a_file(finance: Client, books: Books) -> None:
    close()
    sent = finance.get(f"{PAGE}{books.ads.team_id}/statement.pdf")
    assert sent["Content-Disposition"] == 'attachment; filename="statement-2026-10-ads-1.pdf"'
    assert sent.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    "url", [f"{MONTHS}2026-13/", f"{MONTHS}october/", f"{MONTHS}2020-01/", f"{PAGE}987/"]
)
def test_what_is_no_month_or_team_is_not_found(finance: Client, url: str) -> None:
    assert finance.get(url).status_code == 404


def test_the_pages_ask_a_fixed_number_of_questions(
    finance: Client, books: Books, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session, person, two for permissions; then the list's four, and the page's own."""
    close()
    for number in range(12):
        key = factories.make_key(team=factories.make_team(f"team-{number}"))
        for year in (2026, 2099):
            books.entry(key, at=dt.datetime(year, 11, 3, tzinfo=dt.UTC))
    with django_assert_num_queries(8):
        finance.get(MONTHS)
    with django_assert_num_queries(13):
        finance.get(PAGE)
    with django_assert_num_queries(13):
        finance.get(f"{MONTHS}2099-11/")
    with django_assert_num_queries(12):
        finance.get(f"{PAGE}{books.ads.team_id}/")


def test_months_are_in_the_business_time_zone(finance: Client, books: Books, settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"
    assert "days in Asia/Kolkata" in text(finance, f"{PAGE}{books.ads.team_id}/")
    close()
    settings.TIME_ZONE = "Europe/Berlin"
    assert "days in UTC" in text(finance, f"{PAGE}{books.ads.team_id}/")
    assert BillingPeriod.objects.get().month == OCTOBER


def _logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def _may(person: User, codename: str) -> None:
    person.user_permissions.add(Permission.objects.get(codename=codename))

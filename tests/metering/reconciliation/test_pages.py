"""/spend/reconciliation/ through the front door: figures, gaps, words of people, files, and who may."""

import csv
import io
import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from metering.models import ReconciliationLine, ReconciliationRun, SignOff, VendorReport
from metering.reconciliation import signing
from metering.reconciliation.readers.files import File
from tests import factories
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation.conftest import Books, only

PAGE = "/spend/reconciliation/"
VENDOR = f"{PAGE}openai/2026-10/"
MAY = ("add_vendorreport", "add_gapexplanation", "add_reconciliationrun", "sign_reconciliation")


def person(name: str, *codenames: str) -> User:
    """Somebody who sees every team, and may do the rest."""
    user = factories.make_user(name)
    user.user_permissions.add(*Permission.objects.filter(codename__in=("view_dailyspend", *codenames)))
    return user


@pytest.fixture
def finance(db: None, client: Client) -> Client:
    client.force_login(person("fin", *MAY))
    return client


@pytest.fixture
def reader(db: None) -> Client:
    client = Client()
    client.force_login(person("eve"))
    return client


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:500]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())).replace("&#x27;", "'")


def with_gap(books: Books) -> ReconciliationRun:
    bill = books.bill()
    bill.use(3, "gpt-4o", "output", 300_000)
    return books.compare(bills.openai(bill))


def uploaded(files: list[File]) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(file.name, file.data) for file in files]


def test_a_vendors_month_at_a_glance(finance: Client, openai: Books) -> None:
    with_gap(openai)

    seen = text_of(finance, f"{PAGE}?month=2026-10")

    assert (
        "October 2026: what vendors say they charged, beside the ledger. Days in UTC, times in UTC." in seen
    )
    assert re.search(r"openai open \$32\.97 \$35\.97 \$3\.00 \$3\.00 \$1\.00 \d+ days no", seen)
    assert "3 October" not in seen  # a label, not text: the strip says it to those who listen
    html = finance.get(f"{PAGE}?month=2026-10").content.decode()
    assert 'aria-label="3 October: open gap, gap +$3"' in html
    assert html.count('class="day day-matched"') == 6
    assert html.count('class="day day-none"') == 24


def test_without_any_figures_the_page_says_how_to_get_them(finance: Client, openai: Books) -> None:
    seen = text_of(finance, f"{PAGE}?month=2026-10")

    assert "openai not compared $32.97 business days" in seen
    for told in (
        "OPENAI_ADMIN_API_KEY",
        "sk-ant-admin",
        "BigQuery",
        "day, model, token_type, quantity, cost_usd",
    ):
        assert told in seen


def test_a_month_of_nothing_says_so(finance: Client) -> None:
    assert "Nothing to reconcile in March 2026" in text_of(finance, f"{PAGE}?month=2026-03")


def test_months_that_nobody_signed_stay_in_sight(finance: Client, openai: Books) -> None:
    with_gap(openai)

    assert re.search(
        r"Earlier months that nobody signed .* Oct 2026 openai open",
        text_of(finance, f"{PAGE}?month=2026-11"),
    )


def test_a_vendors_rows_with_their_reason(finance: Client, openai: Books) -> None:
    with_gap(openai)

    seen = text_of(finance, VENDOR)

    assert "Gap $3.00 theirs less ours" in seen
    assert "2026-10-03 gpt-4o output and reasoning open +$3 150,000 450,000 +300,000 $1.5 $4.5" in seen
    assert "nothing that is known explains it" in seen
    assert "gpt-4o 10,850,000 11,150,000 $31.50 $34.50 $3.00 quantities differ" in seen
    assert "costs.json, usage.json" in seen


def test_a_day_shows_all_its_rows(finance: Client, openai: Books) -> None:
    with_gap(openai)

    assert text_of(finance, f"{VENDOR}?day=2026-10-03").count(" matched ") >= 4
    assert "All rows of 3 October 2026" in text_of(finance, f"{VENDOR}?day=2026-10-03")
    assert "Nothing was called or charged on that day." in text_of(finance, f"{VENDOR}?day=2026-10-30")


def test_files_are_imported_and_compared_at_once(finance: Client, openai: Books) -> None:
    given = {"provider": openai.provider.pk, "report_files": uploaded(bills.openai(openai.bill()))}

    response = finance.post(f"{PAGE}upload/", given)

    assert (response.status_code, response["Location"]) == (302, VENDOR)
    assert {report.imported_by for report in VendorReport.objects.all()} == {"fin"}
    assert ReconciliationRun.objects.get().state == "matched"


def test_a_file_that_cannot_be_read_is_refused_with_its_place(finance: Client, openai: Books) -> None:
    torn = uploaded([File("costs.json", b'{"object": "page", "data": [{"object": "bucket"}]}')])

    response = finance.post(f"{PAGE}upload/", {"provider": openai.provider.pk, "report_files": torn})

    assert response.status_code == 400
    assert "costs.json: data[0].results: expected a list. Nothing was imported." in response.content.decode()
    assert VendorReport.objects.count() == 0


def test_no_file_is_no_import(finance: Client, openai: Books) -> None:
    response = finance.post(f"{PAGE}upload/", {"provider": openai.provider.pk})

    assert response.status_code == 400
    assert "This field is required." in response.content.decode()


def test_a_person_explains_a_gap(finance: Client, openai: Books) -> None:
    run = with_gap(openai)
    url = f"{VENDOR}runs/{run.pk}/rows/{only(run).number}/"

    response = finance.post(url, {"reason": "BYPASS", "note": "a laptop of research"})

    assert (response.status_code, response["Location"]) == (302, VENDOR)
    line = only(ReconciliationRun.objects.latest("id"))
    assert (line.status, line.reason, line.explained_by) == ("explained", "BYPASS", "fin")
    assert finance.post(url, {"reason": "BYPASS", "note": "again"}).status_code == 409


@pytest.mark.parametrize("given", [{"reason": "MAGIC", "note": "x"}, {"reason": "TZ", "note": ""}])
def test_an_explanation_has_a_reason_and_a_note(
    finance: Client, openai: Books, given: dict[str, str]
) -> None:
    run = with_gap(openai)

    assert finance.post(f"{VENDOR}runs/{run.pk}/rows/{only(run).number}/", given).status_code == 404


def test_one_signature_within_the_tolerance(finance: Client, openai: Books) -> None:
    run = openai.compare(bills.openai(openai.bill()))
    assert "one signature is enough" in text_of(finance, VENDOR)

    assert finance.post(f"{VENDOR}runs/{run.pk}/sign/").status_code == 302

    assert SignOff.objects.get().state == "signed"
    assert "Signed by fin on" in text_of(finance, VENDOR)
    assert finance.post(f"{VENDOR}runs/{run.pk}/sign/").status_code == 409


def test_two_people_beyond_it(finance: Client, openai: Books) -> None:
    run = with_gap(openai)
    assert finance.post(f"{VENDOR}runs/{run.pk}/sign/", {"note": ""}).status_code == 409
    assert finance.post(f"{VENDOR}runs/{run.pk}/sign/", {"note": "accepted"}).status_code == 302
    waiting = SignOff.objects.get()
    url = f"{VENDOR}signatures/{waiting.pk}/"

    refused = finance.post(url)
    assert (refused.status_code, "another person has to decide" in refused.content.decode()) == (409, True)
    other = Client()
    other.force_login(person("boss", "sign_reconciliation"))
    assert "fin asked for it" in text_of(other, VENDOR)
    assert other.post(url).status_code == 302

    assert "Signed by fin and boss on" in text_of(other, VENDOR)
    assert signing.standing(provider=openai.provider, month=run.month) == waiting


def test_a_month_is_compared_again(finance: Client, openai: Books) -> None:
    assert finance.post(f"{VENDOR}compare/").status_code == 302

    assert "days without a report" in text_of(finance, VENDOR)


@pytest.mark.parametrize("step", ["upload/", "openai/2026-10/compare/", "rows", "sign"])
def test_who_only_reads_does_nothing(reader: Client, openai: Books, step: str) -> None:
    run = with_gap(openai)
    paths = {"rows": f"openai/2026-10/runs/{run.pk}/rows/1/", "sign": f"openai/2026-10/runs/{run.pk}/sign/"}

    assert reader.post(PAGE + paths.get(step, step)).status_code == 403
    assert "Explain this gap" not in text_of(reader, VENDOR)
    assert "Import and compare" not in text_of(reader, PAGE)


def test_vendors_bills_are_not_for_leads_of_teams(openai: Books) -> None:
    with_gap(openai)
    lead = factories.make_user("lea", role="Team lead")
    openai.key.team.leads.add(lead)
    client = Client()
    client.force_login(lead)

    pages = (PAGE, f"{PAGE}export.csv", VENDOR, f"{VENDOR}export.csv")
    assert [client.get(url).status_code for url in pages] == [403] * 4


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (f"{PAGE}?month=October", 400),
        (f"{PAGE}?month=0001-01", 400),
        (f"{VENDOR}?day=3", 400),
        (f"{PAGE}nobody/2026-10/", 404),
        (f"{PAGE}openai/2026-13/", 404),
        (f"{VENDOR}export.csv", 404),
    ],
)
def test_addresses_of_nothing(finance: Client, openai: Books, url: str, status: int) -> None:
    assert finance.get(url).status_code == status


def test_the_csv_is_what_is_shown_with_every_digit(finance: Client, openai: Books) -> None:
    with_gap(openai)

    [vendor] = csv.DictReader(io.StringIO(finance.get(f"{PAGE}export.csv?month=2026-10").getvalue().decode()))
    rows = list(csv.DictReader(io.StringIO(finance.get(f"{VENDOR}export.csv").getvalue().decode())))
    day = list(
        csv.DictReader(io.StringIO(finance.get(f"{VENDOR}export.csv?day=2026-10-03").getvalue().decode()))
    )

    assert (vendor["our_usd"], vendor["vendor_usd"], vendor["gap_usd"], vendor["state"]) == (
        "32.97",
        "35.97",
        "3",
        "open",
    )
    assert [(row["day_utc"], row["model"], row["gap_usd"]) for row in rows] == [("2026-10-03", "gpt-4o", "3")]
    assert sum(Decimal(row["our_usd"]) for row in day) == Decimal("4.71")


def test_an_item_that_looks_like_a_formula_is_text_in_the_csv(finance: Client, openai: Books) -> None:
    bill = openai.bill()
    text = "day,model,token_type,item,cost_usd\n2026-10-03,,tool,=HYPERLINK(1),2\n"
    openai.compare([File("bill.csv", text.encode())])
    assert bill is not None

    assert ",'=HYPERLINK(1)," in finance.get(f"{VENDOR}export.csv").getvalue().decode()


def test_the_pages_ask_the_same_number_of_queries_however_much_there_is(
    finance: Client, openai: Books, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with_gap(openai)
    for _ in range(2):
        with django_assert_num_queries(10):
            finance.get(f"{PAGE}?month=2026-10")
        with django_assert_num_queries(12):
            finance.get(VENDOR)
        bill = openai.bill()
        for day in range(8, 28):
            bill.use(day, "gpt-4o-mini", "output", 300_000)
        signing.sign(
            run=openai.compare(bills.openai(bill)),
            note="x",
            by=User.objects.get(username="fin"),
            at=timezone.now(),
        )


def test_a_page_stops_at_so_many_rows(finance: Client, openai: Books) -> None:
    lines = [f"2026-10-03,,tool,tool {number},0.01\n" for number in range(450)]
    openai.compare([File("bill.csv", ("day,model,token_type,item,cost_usd\n" + "".join(lines)).encode())])

    assert "more rows: the CSV has them all." in text_of(finance, VENDOR)
    assert ReconciliationLine.objects.filter(meter="tool").count() == 450


def test_days_are_utc_whatever_the_business_time_zone(
    finance: Client, openai: Books, settings: Settings
) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"

    openai.compare(bills.openai(openai.bill()))

    assert "matched" in text_of(finance, f"{PAGE}?month=2026-10")

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
from metering.usage import Usage
from tests import factories
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation.conftest import Books, october, only

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

    assert "October 2026: what vendors say they charged, beside the ledger. Days in UTC." in seen
    assert re.search(r"openai open \$32\.97 \$35\.97 \$3\.00 \$3\.00 \$1\.00 \d+ days no", seen)
    assert "2026-10-03:" not in seen  # a label, not text: the strip says it to those who listen
    html = finance.get(f"{PAGE}?month=2026-10").content.decode()
    assert 'aria-label="2026-10-03: open gap, gap +$3"' in html
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


def test_a_month_of_which_nothing_is_known_is_not_said_to_cost_nothing(
    finance: Client, openai: Books
) -> None:
    nobody_priced = factories.make_model("llama", provider=factories.make_provider("gpu-cluster"))
    factories.make_entry(
        key=factories.make_key("nobody"), model=nobody_priced, usage=Usage(input=5), started_at=october(3)
    )

    assert "gpu-cluster not compared unknown business days" in text_of(finance, f"{PAGE}?month=2026-10")
    assert "What the ledger has of this month is of unknown cost" in text_of(
        finance, f"{PAGE}gpu-cluster/2026-10/"
    )


def test_what_is_open_is_unknown_while_the_vendor_told_nothing(finance: Client, openai: Books) -> None:
    finance.post(f"{PAGE}openai/2026-10/compare/")

    assert "Gap unknown" in text_of(finance, f"{PAGE}openai/2026-10/")
    assert "Open unknown whatever the sign" in text_of(finance, f"{PAGE}openai/2026-10/")


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
    assert "All rows of 2026-10-03" in text_of(finance, f"{VENDOR}?day=2026-10-03")
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


def invoiced(books: Books, *, wrong: dict[int, str]) -> ReconciliationRun:
    """An invoice by day and model without quantities: $4.50 a day of gpt-4o but for ``wrong``."""
    lines = "".join(
        f"2026-10-0{day},gpt-4o,,,{wrong.get(day, '4.50')}\n2026-10-0{day},gpt-4o-mini,,,0.21\n"
        for day in range(1, 8)
    )
    return books.compare([File("i.csv", f"day,model,token_type,quantity,cost_usd\n{lines}".encode())])


def test_days_of_an_invoice_without_quantities_are_reported(finance: Client, openai: Books) -> None:
    invoiced(openai, wrong={3: "5.50"})

    html = finance.get(VENDOR).content.decode()

    assert html.count('class="day day-matched"') == 6
    assert 'aria-label="2026-10-03: open gap, gap +$1"' in html
    assert (html.count("day-unreported"), html.count("state-unreported")) == (1, 0)  # the legend's
    assert "2026-10-03 gpt-4o all token types open +$1 1,550,000 \N{EN DASH} $4.5 $5.5" in text_of(
        finance, VENDOR
    )


def test_all_open_rows_of_a_model_are_explained_at_once(finance: Client, openai: Books) -> None:
    run = invoiced(openai, wrong=dict.fromkeys(range(1, 8), "4.05"))
    seen = text_of(finance, VENDOR)
    assert "theirs = 0.9 x ours on every open row" in seen
    assert "Explain all 7 open rows of this model" in seen
    url, given = f"{VENDOR}runs/{run.pk}/models/", {"reason": "CREDIT", "note": "10 % off"}

    response = finance.post(url, given | {"model": "gpt-4o"})

    assert (response.status_code, response["Location"]) == (302, VENDOR)
    assert text_of(finance, VENDOR).count("10 % off (fin)") == 7
    assert ReconciliationRun.objects.latest("id").open_gap == 0
    assert finance.post(url, given | {"model": "gpt-4o"}).status_code == 409
    assert finance.post(url, given).status_code == 404


def test_what_was_found_stays_beside_what_a_person_says(finance: Client, openai: Books) -> None:
    bill = openai.bill()
    bill.line(3, "gpt-4o", "output").usd = Decimal("1.80")
    run = openai.compare(bills.openai(bill))

    finance.post(f"{VENDOR}runs/{run.pk}/rows/{only(run).number}/", {"reason": "TZ", "note": "so I think"})

    assert re.search(
        r"so I think \(fin\) Found by the comparison: PRICE: the same 150,000 tokens",
        text_of(finance, VENDOR),
    )
    assert 'value="TZ" selected' in finance.get(VENDOR).content.decode()


def test_a_cause_of_less_than_the_gap_is_called_a_part(finance: Client, openai: Books) -> None:
    openai.call("gpt-4o", at=october(3), usage=None, outcome="error", held=Decimal("0.05"))
    bill = openai.bill()
    bill.use(3, "gpt-4o", "output", 10_000)
    openai.compare(bills.openai(bill))

    assert "RETRY in part charged attempts that failed for us" in text_of(finance, VENDOR)
    assert 'value="RETRY" selected' in finance.get(VENDOR).content.decode()


def test_a_comparison_that_the_ledger_left_behind_says_so(finance: Client, openai: Books) -> None:
    with_gap(openai)
    assert "The ledger moved" not in text_of(finance, VENDOR)
    openai.call("gpt-4o", at=october(3), usage=Usage(output=95_000))

    assert "The ledger moved by +$0.95 since this comparison: compare again." in text_of(finance, VENDOR)
    assert "the ledger moved by +$0.95 since: compare again" in text_of(finance, f"{PAGE}?month=2026-10")
    [vendor] = csv.DictReader(io.StringIO(finance.get(f"{PAGE}export.csv?month=2026-10").getvalue().decode()))
    assert (vendor["our_usd"], vendor["ledger_moved_usd"]) == ("32.97", "0.95")


def test_ours_of_days_without_a_report_is_told_apart(finance: Client, openai: Books) -> None:
    bill = openai.bill()
    bill.last = bill.first.replace(day=5)
    openai.compare(bills.openai(bill))

    assert "$23.55 on reported days, and $9.42 on days without a report" in text_of(finance, VENDOR)
    assert "$32.97 $9.42 on unreported days" in text_of(finance, f"{PAGE}?month=2026-10")


def test_rows_of_days_without_a_report_come_after_the_gaps(finance: Client, openai: Books) -> None:
    bill = openai.bill()
    bill.first, bill.last = bill.first.replace(day=2), bill.last.replace(day=5)
    bill.charges[bill.first.replace(day=4), "gpt-4o", "output"][0].usd = Decimal(9)
    openai.compare(bills.openai(bill))

    html = finance.get(VENDOR).content.decode()

    assert re.findall(r'"tag state-(\w+)">\w+</span></td>', html) == ["open", *["unreported"] * 15]


def test_a_month_of_nothing_is_compared_to_nothing(finance: Client, openai: Books) -> None:
    finance.post(f"{PAGE}openai/2026-09/compare/")

    seen = text_of(finance, f"{PAGE}openai/2026-09/")
    assert "State nothing to compare" in seen
    assert "There is nothing to compare: one signature is enough." in seen
    assert "Sep 2026 openai" not in text_of(finance, f"{PAGE}?month=2026-10")  # it waits for nobody


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
    assert "Sign as the second person" not in text_of(finance, VENDOR)
    other = Client()
    other.force_login(person("boss", "sign_reconciliation"))
    assert re.search("fin asked for it .* Sign as the second person", text_of(other, VENDOR))
    assert other.post(url).status_code == 302

    assert "Signed by fin and boss on" in text_of(other, VENDOR)
    assert signing.standing(provider=openai.provider, month=run.month) == waiting


def test_what_the_second_person_says_is_shown(finance: Client, openai: Books) -> None:
    finance.post(f"{VENDOR}runs/{with_gap(openai).pk}/sign/", {"note": "accepted"})
    url = f"{VENDOR}signatures/{SignOff.objects.get().pk}/"
    other = Client()
    other.force_login(person("boss", "sign_reconciliation"))

    assert other.post(url, {"note": "x" * 501}).status_code == 404
    assert other.post(url, {"note": "seen the invoice"}).status_code == 302

    assert "“accepted”; the second person: “seen the invoice”." in text_of(other, VENDOR)


def test_a_single_admin_is_offered_the_second_signature(
    finance: Client, openai: Books, settings: Settings
) -> None:
    finance.post(f"{VENDOR}runs/{with_gap(openai).pk}/sign/", {"note": "accepted"})
    settings.SELF_APPROVAL = True

    assert "Sign as the second person" in text_of(finance, VENDOR)


def test_a_month_is_compared_again(finance: Client, openai: Books) -> None:
    assert finance.post(f"{VENDOR}compare/").status_code == 302

    assert "days without a report" in text_of(finance, VENDOR)


@pytest.mark.parametrize("step", ["upload/", "openai/2026-10/compare/", "rows", "models", "sign"])
def test_who_only_reads_does_nothing(reader: Client, openai: Books, step: str) -> None:
    run = with_gap(openai)
    of_run = f"openai/2026-10/runs/{run.pk}"
    paths = {"rows": f"{of_run}/rows/1/", "models": f"{of_run}/models/", "sign": f"{of_run}/sign/"}

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
        with django_assert_num_queries(11):
            finance.get(f"{PAGE}?month=2026-10")
        with django_assert_num_queries(13):
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

"""Price lists from files: every row a draft, or nothing; what was exported imports again unchanged."""

import csv
import datetime as dt
import html
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from catalog import price_imports, proposals, seeding, spreadsheets
from catalog.models import LanguageModel, Price, PriceProposal
from catalog.price_imports import COLUMNS, Imported, NotImported, RowError
from metering.usage import Usage
from tests import factories
from tests.catalog import builders as b
from tests.catalog.test_spreadsheets import xlsx

pytestmark = pytest.mark.django_db

IMPORT = "/admin/catalog/priceproposal/import/"
LATER = (b.NOW + dt.timedelta(days=3)).isoformat()


@pytest.fixture
def model() -> LanguageModel:
    return b.price(model=b.model(provider=b.provider(name="acme"), name="m-1"), input="1", output="5").model


def take(*rows: dict[str, Any]) -> Imported:
    """The rows as a file with the columns that they have."""
    heading = list(dict.fromkeys(name for row in rows for name in row))
    table = [heading, *([row.get(name, "") for name in heading] for row in rows)]
    return price_imports.import_drafts(table=table, made_by="ann", source="import p.csv", at=b.NOW)


def errors(*rows: dict[str, Any]) -> list[RowError]:
    with pytest.raises(NotImported) as refusal:
        take(*rows)
    assert not PriceProposal.objects.exists()
    return list(refusal.value.errors)


def row(**values: str) -> dict[str, str]:
    return {"provider": "acme", "model": "m-1", "effective_from": LATER, **values}


def test_a_row_becomes_a_draft(model: LanguageModel) -> None:
    found = take(
        row(input="2", output="8.000001", list_input="2.5", note="contract 7"),
        row(input="4", above_input_tokens="200000", tier="marginal"),
        row(
            input="9",
            output="9",
            daily_from="22:00",
            daily_to="04:00:00",
            weekdays="sat-sun",
            variant="batch",
        ),
    )

    first, second, third = found.drafts
    assert (first.made_by, first.source, first.note) == ("ann", "import p.csv", "contract 7")
    assert (first.rates["input"], first.rates["output"]) == ("2", "8.000001")
    assert first.list_rates == {"input": "2.5"}
    assert first.effective_from.isoformat() == LATER
    assert (second.above_input_tokens, second.tier) == (200_000, "marginal")
    assert (third.variant, third.daily_from, third.daily_to, third.weekdays) == (
        "batch",
        dt.time(22),
        dt.time(4),
        "sat-sun",
    )
    assert Price.objects.count() == 1


def test_an_empty_rate_is_unknown_and_zero_is_free(model: LanguageModel) -> None:
    [draft] = take(row(input="0", output="", cache_read="0.000000")).drafts

    assert (draft.rates["input"], draft.rates["output"], draft.rates["cache_read"]) == ("0", None, "0")


def test_an_empty_moment_means_when_it_is_accepted(model: LanguageModel) -> None:
    [draft] = take(row(effective_from="", input="2")).drafts
    later = b.NOW + dt.timedelta(hours=5)

    price = proposals.accept(draft, by="bob", at=later)

    assert price is not None
    assert price.effective_from == later


@pytest.mark.parametrize(
    ("zone", "begins"), [("UTC", "2099-12-01T00:00:00+00:00"), ("Asia/Kolkata", "2099-11-30T18:30:00+00:00")]
)
def test_a_bare_day_begins_at_midnight_of_the_business_time_zone(
    model: LanguageModel, settings: LazySettings, zone: str, begins: str
) -> None:
    settings.TIME_ZONE = zone

    [draft] = take(row(effective_from="2099-12-01", input="2")).drafts

    assert draft.effective_from.astimezone(dt.UTC).isoformat() == begins


def test_blank_lines_are_passed_over(model: LanguageModel) -> None:
    assert len(take({}, row(input="2"), {"model": " "}).drafts) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": "m-2"}, "there is no model acme/m-2"),
        ({"provider": "ACME"}, "there is no model ACME/m-1"),
        ({"input": "free"}, "input: 'free' is no amount such as 2.50"),
        ({"input": "1,5"}, "input: '1,5' is no amount such as 2.50"),
        ({"input": "-1"}, "input: '-1' is no amount such as 2.50"),
        ({"input": "NaN"}, "input: 'NaN' is no amount such as 2.50"),
        ({"list_output": "1e3"}, "list_output: '1e3' is no amount such as 2.50"),
        ({"input": "0.0000001"}, "Constraint “price_rates_six_decimals” is violated."),
        ({}, "Constraint “price_has_a_rate” is violated."),
        ({"input": "1", "variant": "express"}, "variant: Value 'express' is not a valid choice."),
        ({"input": "1", "above_input_tokens": "2e5"}, "above_input_tokens: '2e5' is no whole number"),
        ({"input": "1", "daily_from": "9"}, "daily_from: '9' is no time of day such as 01:00 (as text)"),
        ({"input": "1", "tier": "marginal"}, "A marginal price has a threshold and rates of input alone"),
        (
            {"input": "1", "effective_from": "2027-01-01T00:00"},
            "neither a day such as 2026-01-01 nor a moment",
        ),
        ({"input": "1", "effective_from": "20270101"}, "neither a day such as 2026-01-01 nor a moment"),
        ({"input": "1", "effective_from": "46388.5"}, "neither a day such as 2026-01-01 nor a moment"),
        ({"input": "1", "effective_from": "2026-02-30"}, "neither a day such as 2026-01-01 nor a moment"),
        ({"input": "2", "effective_from": "2026-01-01T00:00:00Z"}, "begins now at the earliest"),
    ],
)
def test_a_bad_row_is_named_by_its_line(model: LanguageModel, values: dict[str, str], said: str) -> None:
    [error] = errors(row(input="2"), row(**values))

    assert error.line == 3
    assert said in error.message


def test_every_bad_line_is_named_and_nothing_is_written(model: LanguageModel) -> None:
    found = errors(row(input="x"), row(input="2"), row(), row(input="3"))

    assert [error.line for error in found] == [2, 4, 5]
    assert "drafted a price for this" in found[2].message


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        (["provider", "input"], "there is no column 'model'"),
        (["provider", "model", "price"], "'price' is no column of a price list"),
        (["provider", "model", "input", "input"], "the column 'input' is there twice"),
        ([], "there is no column 'provider'"),
    ],
)
def test_a_heading_that_is_none(heading: list[str], said: str) -> None:
    with pytest.raises(NotImported) as refusal:
        price_imports.import_drafts(table=[heading], made_by="ann", source="f", at=b.NOW)

    assert refusal.value.errors[0] == RowError(1, said)


def test_more_cells_than_columns_are_an_error(model: LanguageModel) -> None:
    table = [["provider", "model", "input"], ["acme", "m-1", "1", "2"]]

    with pytest.raises(NotImported) as refusal:
        price_imports.import_drafts(table=table, made_by="ann", source="f", at=b.NOW)

    assert refusal.value.errors == (RowError(2, "4 cells under 3 columns"),)


def test_what_holds_already_is_no_draft(model: LanguageModel) -> None:
    found = take(row(input="1.000000000000", output="5"), row(effective_from="", input="1", output="5.0"))

    assert (found.drafts, found.unchanged) == ((), 2)


# In the admin


@pytest.fixture
def keeper() -> Client:
    client = Client()
    client.force_login(factories.make_user("ann", role="Catalog admin"))
    return client


def send(client: Client, content: bytes, name: str = "prices.csv") -> HttpResponse:
    answer: HttpResponse = client.post(IMPORT, {"price_list": SimpleUploadedFile(name, content)})
    return answer


def confirm(client: Client, preview: HttpResponse) -> HttpResponse:
    answer: HttpResponse = client.post(IMPORT, {"looked_at": preview.context["looked_at"]})  # type: ignore[attr-defined]
    return answer


def exported(client: Client, form: int) -> bytes:
    fields = {
        f"priceresource_{name}": "on" for name in ("id", "model_name", "source", "created_at", *COLUMNS)
    }
    answer = client.post("/admin/catalog/price/export/", {"format": form, "resource": ""} | fields)
    return bytes(answer.content)


def seen(answer: HttpResponse) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


LIST = f"provider,model,effective_from,input,output\nacme,m-1,{LATER},2,8\n".encode()


class TestPreview:
    """What is suspicious in a file, and the money that all of it would move."""

    TENFOLD = f"provider,model,effective_from,input,output\nacme,m-1,{LATER},10,5\n".encode()

    def test_a_slip_is_in_red(self, model: LanguageModel, keeper: Client) -> None:
        page = send(keeper, self.TENFOLD).content.decode()

        assert '<span class="alarm">tenfold: input</span>' in page
        assert '<span class="alarm">Look twice at 1</span>' in page
        assert 'class="alarm"' not in send(keeper, LIST).content.decode()

    def test_the_money_that_the_file_would_move(self, model: LanguageModel, keeper: Client) -> None:
        other, key = b.price(model=b.model(name="m-2")).model, factories.make_key()
        for sold, tokens in ((model, 1_000_000), (other, 2_000_000)):
            booked = {"model": sold, "price": sold.prices.get(), "usage": Usage(input=tokens)}
            factories.make_entry(key=key, started_at=timezone.now(), **booked)
        row = f"{other.provider.name},m-2,{LATER},2,5\n"

        said = seen(send(keeper, self.TENFOLD + row.encode()))

        assert "Together they would move the open months by +$11 over 2 calls" in said
        assert "tenfold: input changed: input 1 -> 10 +$9" in said
        assert "changed: input 1 -> 2 +$2" in said

    def test_who_sees_some_teams_alone_is_told_no_sums(self, model: LanguageModel, client: Client) -> None:
        drafter = factories.make_user("lea")
        drafter.user_permissions.add(Permission.objects.get(codename="add_priceproposal"))
        client.force_login(drafter)

        assert "would move the open months" not in seen(send(client, self.TENFOLD))

    def test_a_bare_day_is_shown_with_its_midnight(
        self, model: LanguageModel, keeper: Client, settings: LazySettings
    ) -> None:
        settings.TIME_ZONE = "Asia/Kolkata"
        list_of_a_day = b"provider,model,effective_from,input,output\nacme,m-1,2099-12-01,2,8\n"

        said = seen(send(keeper, list_of_a_day))

        assert "standard 2099-12-01 00:00" in said
        assert "A day without a time begins at midnight in Asia/Kolkata." in said


def test_a_file_is_looked_at_first_and_written_when_confirmed(model: LanguageModel, keeper: Client) -> None:
    preview = send(keeper, LIST)
    assert "1 new draft, 0 rows that change nothing" in preview.content.decode()
    assert "changed: input 1 -&gt; 2, output 5 -&gt; 8" in preview.content.decode()
    assert not PriceProposal.objects.exists()

    assert confirm(keeper, preview).status_code == 302
    draft = PriceProposal.objects.get()
    assert (draft.made_by, draft.source, draft.state) == ("ann", "import prices.csv", "open")


def test_a_sheet_is_a_file_too(model: LanguageModel, keeper: Client) -> None:
    cells = "".join(
        f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in ("provider", "model", "input", "output")
    )
    values = '<c t="inlineStr"><is><t>acme</t></is></c><c t="inlineStr"><is><t>m-1</t></is></c>'
    numbers = "<c><v>7.4999999999999997E-2</v></c><c><v>8</v></c>"
    sheet = xlsx(f"<row>{cells}</row><row>{values}{numbers}</row>")

    confirm(keeper, send(keeper, sheet, "prices.xlsx"))

    assert PriceProposal.objects.get().rates["input"] == "0.075"


def test_a_bad_file_is_not_offered_for_confirmation(model: LanguageModel, keeper: Client) -> None:
    answer = send(keeper, LIST + b"acme,m-2,,1,1\n")

    assert "Line 3: there is no model acme/m-2" in answer.content.decode()
    assert "looked_at" not in answer.content.decode()


def test_what_became_impossible_meanwhile_is_refused_whole(model: LanguageModel, keeper: Client) -> None:
    two = LIST + f"acme,m-1,{b.FUTURE.isoformat()},3,8\n".encode()
    preview = send(keeper, two)
    confirm(keeper, send(keeper, LIST))

    answer = confirm(keeper, preview)

    assert "Line 2: You have drafted a price for this" in answer.content.decode()
    assert PriceProposal.objects.count() == 1


def test_what_is_confirmed_twice_is_drafted_once(model: LanguageModel, keeper: Client) -> None:
    preview = send(keeper, b"provider,model,input,output\nacme,m-1,3,8\n")
    confirm(keeper, preview)

    answer = confirm(keeper, preview)

    assert "Line 2: You have drafted a price for this" in answer.content.decode()
    assert PriceProposal.objects.count() == 1


def test_only_what_was_looked_at_by_the_same_person_is_written(model: LanguageModel, keeper: Client) -> None:
    preview = send(keeper, LIST)
    other = Client()
    other.force_login(factories.make_user("eve", role="Catalog admin"))

    confirm(other, preview)
    keeper.post(IMPORT, {"looked_at": preview.context["looked_at"][:-1] + "x"})  # type: ignore[attr-defined]

    assert not PriceProposal.objects.exists()


@pytest.mark.parametrize(
    ("role", "status"),
    [("Finance", 200), ("Catalog admin", 200), ("Auditor", 403), ("Team lead", 403), (None, 403)],
)
def test_who_may_draft_may_import(model: LanguageModel, role: str | None, status: int) -> None:
    client = Client()
    client.force_login(factories.make_user("eve", role=role))

    assert (client.get(IMPORT).status_code, send(client, LIST).status_code) == (status, status)


def test_an_export_imports_again_unchanged(keeper: Client) -> None:
    """The whole catalog of a fresh installation, and prices of every kind: nothing is drafted."""
    seeding.seed(at=b.NOW)
    odd = b.model(name="@cf/meta/llama", provider=b.provider(name="acme"))
    b.price(model=odd, input="0.075", list_rates={"input": "0.1"}, note="=cmd()", effective_to=b.FUTURE)
    b.price(model=odd, input="0.08", effective_from=b.FUTURE)
    b.price(model=odd, above_input_tokens=9, tier="marginal", input="7", output=None, source="@x")
    b.price(model=odd, daily_from="22:00", daily_to="04:00", weekdays="mon-fri", input="8")

    content = exported(keeper, 0)
    table = spreadsheets.rows(name="p.csv", content=content)
    found = price_imports.import_drafts(table=table, made_by="ann", source="f", at=b.NOW)

    assert (len(found.drafts), found.unchanged) == (0, Price.objects.count())
    names = [line["model"] for line in csv.DictReader(io.StringIO(content.decode()))]
    assert "'@cf/meta/llama" in names
    assert Decimal(next(line for line in csv.DictReader(io.StringIO(content.decode())))["input"]) >= 0

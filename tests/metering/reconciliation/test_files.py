"""Files that are given together, and the CSV that people make for any vendor."""

import datetime as dt
from decimal import Decimal

import pytest

from metering.reconciliation.readers import files
from metering.reconciliation.readers.files import File
from metering.reconciliation.readers.lines import UnreadableReport
from tests.metering.reconciliation.shapes import as_bytes, openai_cost, openai_page, openai_usage

DAY = dt.date(2026, 10, 3)
PLAIN = "day,model,token_type,quantity,cost_usd\n"


def page(day: int, *results: dict[str, object]) -> bytes:
    return as_bytes(openai_page((dt.date(2026, 10, day), list(results))))


def plain(text: str, kind: str = "openai_compatible") -> list[object]:
    [report] = files.read(kind, [File("bill.csv", (PLAIN + text).encode())])
    return [(line.day, line.model, line.meter, line.quantity, line.amount) for line in report.lines]


def test_pages_given_together_are_one_report() -> None:
    given = [
        File("1.json", page(3, openai_cost(1, "gpt-4o, input"))),
        File("2.json", page(5, openai_cost(2))),
    ]

    [report] = files.read("openai", given)

    assert (report.first_day.day, report.last_day.day, len(report.lines)) == (3, 5, 2)


def test_costs_and_usage_given_together_are_two_reports() -> None:
    given = [
        File("u.json", page(3, openai_usage("gpt-4o", input_tokens=1))),
        File("c.json", page(3, openai_cost(1))),
    ]

    assert [report.kind for report in files.read("openai", given)] == ["cost", "usage"]


def test_the_same_file_twice_is_refused() -> None:
    given = [File("a.json", page(3, openai_cost(1))), File("b.json", page(3, openai_cost(1)))]

    with pytest.raises(
        UnreadableReport, match=r"^b.json: the file: expected another content than that of a.json"
    ):
        files.read("openai", given)


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "openai_compatible"])
def test_a_plain_csv_serves_for_every_vendor(kind: str) -> None:
    assert plain("2026-10-03,llama,output,1000,0.08\n", kind) == [
        (DAY, "llama", "output", Decimal(1000), Decimal("0.08"))
    ]


def test_reasoning_is_output_and_no_token_type_is_all_of_them() -> None:
    found = plain("2026-10-03,llama,reasoning,5,\n2026-10-03,llama,,,1.5\n")

    assert found == [(DAY, "llama", "output", 5, None), (DAY, "llama", "all", None, Decimal("1.5"))]


def test_semicolons_and_a_byte_order_mark_do_not_matter() -> None:
    data = "\ufeffday;model;token_type;quantity;cost_usd\n2026-10-03;llama;input;7;0.5\n".encode()
    [report] = files.read("openai_compatible", [File("bill.csv", data)])

    assert report.lines[0].amount == Decimal("0.5")


def test_without_costs_it_is_usage() -> None:
    [report] = files.read("gemini", [File("u.csv", (PLAIN + "2026-10-03,gemini,input,7,\n").encode())])

    assert report.kind == "usage"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-10-03,llama,inptu,7,\n", "line 2.token_type: expected input or"),
        ("2026-13-03,llama,input,7,\n", "line 2.day: expected a day such as"),
        ("2026-10-03,llama,input,,\n", "line 2: expected a quantity or a cost_usd"),
        ("2026-10-03,llama,input,seven,\n", "line 2.quantity: expected a decimal number"),
        ("2026-10-03,llama,input,1,2,3\n", "line 2: expected 5 columns"),
        ("", "expected a CSV with the columns day, model"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(UnreadableReport) as refusal:
        plain(text)

    assert f"bill.csv: {told}" in str(refusal.value) or told in str(refusal.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"[" * 100_000, "nested too deep", id="nesting"),
        pytest.param(b'{"a": ' * 100_000, "nested too deep", id="nesting of objects"),
        pytest.param(b'{"object": "page", "x": "\\u0000"}', "text without U", id="a character of no text"),
        pytest.param(b"day,model,cost_usd\n2026-10-03,\0,1\n", "text without U", id="a zero byte"),
        pytest.param(
            b"day,model,cost_usd\n2026-10-03," + b"x" * 200_000 + b",1\n", "field larger", id="a long cell"
        ),
        pytest.param(b"x" * 200_000 + b"\n1\n", "field larger", id="a long heading"),
    ],
)
@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "openai_compatible"])
def test_what_cannot_be_read_is_said_whatever_is_wrong_with_it(kind: str, data: bytes, words: str) -> None:
    if kind == "openai_compatible" and data.startswith((b"[", b"{")):
        words = "expected a CSV|field larger|text without U"  # its reports are CSV files
    with pytest.raises(UnreadableReport, match=words) as refusal:
        files.read(kind, [File("bill.json", data)])

    assert len(str(refusal.value)) < 500

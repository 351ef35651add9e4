"""OpenAI's reports: dollars as numbers or strings, input that includes the cache."""

import datetime as dt
from decimal import Decimal

import pytest

from metering.reconciliation.readers import openai
from metering.reconciliation.readers.lines import Line, Report, UnreadableReport
from tests.metering.reconciliation.shapes import as_bytes, openai_cost, openai_page, openai_usage

DAY = dt.date(2024, 11, 1)
DOCUMENTED = b"""{"object":"page","data":[{"object":"bucket","start_time":1730419200,"end_time":1730505600,
 "results":[{"object":"organization.costs.result","amount":{"value":0.06,"currency":"usd"},
 "line_item":null,"project_id":null,"api_key_id":null,"quantity":null}]}],"has_more":false,"next_page":null}"""


def read(data: bytes) -> Report:
    [report] = openai.read(data, file="costs.json")
    return report


def costs(*results: dict[str, object]) -> tuple[Line, ...]:
    return read(as_bytes(openai_page((DAY, list(results))))).lines


def usage(**counts: object) -> dict[str, Decimal]:
    [report] = openai.read(
        as_bytes(openai_page((DAY, [openai_usage("gpt-4o", **counts)]))), file="usage.json"
    )
    return {line.meter: line.quantity for line in report.lines if line.quantity is not None}


def test_the_documented_page() -> None:
    report = read(DOCUMENTED)

    assert (report.kind, report.first_day, report.last_day) == ("cost", DAY, DAY)
    [line] = report.lines
    assert (line.day, line.amount, line.meter, line.model, line.quantity) == (
        DAY,
        Decimal("0.06"),
        "all",
        "",
        None,
    )


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("0.30000000000000004", "0.30000000000000004"),
        ('"0.8958740000000000"', "0.895874"),
        ("1e-7", "0.0000001"),
        ("12", "12"),
        ("-4.5", "-4.5"),
    ],
)
def test_amounts_are_read_to_the_last_digit(written: str, amount: str) -> None:
    [line] = read(DOCUMENTED.replace(b'"value":0.06', b'"value":' + written.encode())).lines

    assert line.amount == Decimal(amount)


@pytest.mark.parametrize(
    ("item", "model", "meter", "tier"),
    [
        ("gpt-4o-2024-08-06, Input", "gpt-4o-2024-08-06", "input", ""),
        ("gpt-5.6-luna, output", "gpt-5.6-luna", "output", ""),
        ("gpt-6-astra, input_tokens", "gpt-6-astra", "input", ""),
        ("gpt-4o-mini-2024-07-18, cached input", "gpt-4o-mini-2024-07-18", "cache_read", ""),
        ("gpt-5-mini, batch output", "gpt-5-mini", "output", "batch"),
        ("gpt-5-mini, input, priority", "gpt-5-mini", "input", "priority"),
        ("gpt-realtime-2.1, audio input", "gpt-realtime-2.1", "audio_input", ""),
        ("gpt-realtime-2.1, audio output", "gpt-realtime-2.1", "audio_output", ""),
        ("Web search tool calls", "", "requests", ""),
        ("Code interpreter sessions", "", "tool", ""),
        ("Promotional credit", "", "credit", ""),
        ("gpt-9, holograms", "gpt-9", "unmapped", ""),
        ("Something new", "", "unmapped", ""),
    ],
)
def test_line_items(item: str, model: str, meter: str, tier: str) -> None:
    [line] = costs(openai_cost(1, item))

    assert (line.item, line.model, line.meter, line.tier) == (item, model, meter, tier)


def test_a_negative_amount_is_a_credit() -> None:
    [line] = costs(openai_cost("-5.00", "gpt-4o, input"))

    assert (line.meter, line.amount) == ("credit", Decimal(-5))


def test_quantities_count_where_their_unit_is_told() -> None:
    lines = costs(
        openai_cost(1, "gpt-4o, input", quantity=400000),
        openai_cost(1, "gpt-4o, output", quantity=100, quantity_unit="1000_tokens"),
        openai_cost(1, "gpt-4o, cached input", quantity=7, quantity_unit="tokens"),
        openai_cost(1, "File search storage", quantity=2, quantity_unit="gibibyte_hours"),
    )

    assert [line.quantity for line in lines] == [None, Decimal(100_000), Decimal(7), None]


def test_input_without_what_was_read_from_the_cache() -> None:
    found = usage(input_tokens=1000, input_cached_tokens=800, output_tokens=500)

    assert found == {"input": 200, "cache_read": 800, "output": 500}


def test_input_of_the_newer_shape_includes_cache_writes_and_audio() -> None:
    found = usage(
        input_tokens=1000,
        input_cached_tokens=600,
        input_cache_write_tokens=150,
        input_cache_write_12h_tokens=50,
        input_uncached_tokens=250,
        input_audio_tokens=40,
        output_tokens=70,
        output_audio_tokens=30,
    )

    assert found == {
        "input": 210,
        "cache_read": 600,
        "cache_write_5m": 100,
        "cache_write_1h": 50,
        "audio_input": 40,
        "output": 40,
        "audio_output": 30,
    }


def test_audio_of_the_older_shape_is_beside_the_input() -> None:
    assert usage(input_tokens=100, input_audio_tokens=40) == {"input": 100, "audio_input": 40}


def test_batches_and_tiers_and_keys_are_kept() -> None:
    results = [
        openai_usage("gpt-4o", input_tokens=1, batch=True, api_key_id="key_1"),
        openai_usage("gpt-4o", input_tokens=2, service_tier="default", api_key_id=None),
    ]
    lines = read(as_bytes(openai_page((DAY, results)))).lines

    assert [(line.tier, line.account) for line in lines] == [("batch", "key_1"), ("standard", "(none)")]


def test_embeddings_are_usage_too() -> None:
    result = {
        "object": "organization.usage.embeddings.result",
        "input_tokens": 16,
        "num_model_requests": 2,
        "model": "text-embedding-3-small",
    }
    report = read(as_bytes(openai_page((DAY, [result]))))

    [line] = report.lines
    assert (report.kind, line.meter, line.quantity) == ("usage", "input", 16)


def test_a_day_of_nothing_is_covered() -> None:
    page = openai_page((DAY, [openai_cost(1, "gpt-4o, input")]), (DAY + dt.timedelta(days=1), []))

    report = read(as_bytes(page))

    assert (report.last_day, len(report.lines)) == (DAY + dt.timedelta(days=1), 1)


def test_costs_and_usage_in_one_file_are_two_reports() -> None:
    pages = [
        openai_page((DAY, [openai_cost(1)])),
        openai_page((DAY, [openai_usage("gpt-4o", input_tokens=1)])),
    ]

    assert [report.kind for report in openai.read(as_bytes(pages), file="all.json")] == ["cost", "usage"]


def test_the_consoles_csv() -> None:
    head = "start_time,end_time,amount_value,amount_currency,line_item,project_id\n"
    rows = '1730419200,1730505600,0.8958740000000000,usd,"gpt-4o, input",proj_1\n1730505600,1730592000,,,,\n'

    report = read((head + rows).encode())

    [line] = report.lines
    assert (line.amount, line.model, line.account) == (Decimal("0.895874"), "gpt-4o", "proj_1")
    assert report.last_day == dt.date(2024, 11, 2)


def test_the_consoles_csv_of_usage() -> None:
    head = (
        "start_time,end_time,num_model_requests,model,batch,input_tokens,output_tokens,input_cached_tokens\n"
    )
    report = read((head + "1730419200,1730505600,3,gpt-4o,false,100,20,60\n").encode())

    assert [(line.meter, line.quantity) for line in report.lines] == [
        ("input", 40),
        ("cache_read", 60),
        ("output", 20),
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the first line"),
        (b"PK\x03\x04\xff", "byte 4: expected UTF-8 text"),
        (b"{", "the file: expected JSON"),
        (b'{"object":"list","data":[]}', "expected a page of organization/costs"),
        (b"a,b\n1,2\n", "expected a page of organization/costs, organization/usage/completions"),
        (DOCUMENTED.replace(b"0.06", b"NaN"), "NaN is not a number"),
        (DOCUMENTED.replace(b"0.06", b'"six cents"'), "data[0].results[0].amount.value: expected a decimal"),
        (DOCUMENTED.replace(b"0.06", b"true"), "amount.value: expected a number, found 'True'"),
        (DOCUMENTED.replace(b"usd", b"eur"), "amount.currency: expected usd, found 'eur'"),
        (DOCUMENTED.replace(b"1730505600", b"1731505600"), "data[0]: expected a bucket of a day or less"),
        (
            DOCUMENTED.replace(b"costs.result", b"loans.result"),
            "object: expected organization.costs.result or",
        ),
    ],
)
def test_what_is_not_known_is_refused_with_its_place(data: bytes, told: str) -> None:
    with pytest.raises(UnreadableReport) as refusal:
        openai.read(data, file="costs.json")

    assert str(refusal.value).startswith("costs.json: ")
    assert told in str(refusal.value)


def test_cached_tokens_beyond_the_input_are_refused() -> None:
    with pytest.raises(UnreadableReport, match=r"input_tokens: expected at least the tokens read from"):
        usage(input_tokens=10, input_cached_tokens=11)


def test_empty_buckets_do_not_say_of_what() -> None:
    empty = as_bytes(openai_page((DAY, [])))

    with pytest.raises(UnreadableReport, match="empty buckets do not say of what"):
        openai.read(empty, file="page.json")
    [report] = openai.read(empty, file="page.json", kind="usage")
    assert (report.kind, report.lines) == ("usage", ())


@pytest.mark.parametrize("when", [b"1e9999999", b"1e100000", b'"\xc2\xb2"'])
def test_a_moment_that_is_no_moment_is_refused_at_once(when: bytes) -> None:
    """A whole number of ten million digits would keep the process from everything else."""
    with pytest.raises(UnreadableReport):
        read(DOCUMENTED.replace(b"1730419200", when))

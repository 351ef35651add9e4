"""Reports asked for with an admin key: all pages, with patience, and the key goes nowhere else."""

import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from metering.models import ReportCredential, VendorReport
from metering.reconciliation import admin_keys, fetching
from metering.reconciliation.fetching import FetchFailed
from metering.reconciliation.importing import Imported
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation import reports_server, shapes
from tests.metering.reconciliation.conftest import IMPORTED, LAST, OCTOBER, Books, differing
from tests.metering.reconciliation.reports_server import Vendor

OPENAI, ANTHROPIC = "sk-admin-right", "sk-ant-admin-right"
COSTS, USAGE, EMBEDDINGS = (
    "/v1/organization/costs",
    "/v1/organization/usage/completions",
    "/v1/organization/usage/embeddings",
)
COST_REPORT, USAGE_REPORT = "/v1/organizations/cost_report", "/v1/organizations/usage_report/messages"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with reports_server.running() as running:
        yield running


def in_two(document: bytes) -> list[dict[str, object]]:
    """A page as the vendor's paging would part it."""
    page = json.loads(document)
    half = len(page["data"]) // 2
    return [page | {"data": page["data"][:half]}, page | {"data": page["data"][half:]}]


def at_openai(books: Books, vendor: Vendor) -> None:
    costs, usage = bills.openai(books.bill())
    empty = shapes.openai_page(*((day, []) for day in books.bill().days()))
    vendor.pages = {COSTS: in_two(costs.data), USAGE: in_two(usage.data), EMBEDDINGS: [empty]}


def fetch(books: Books, vendor: Vendor, *, key: str = OPENAI, pauses: list[float] | None = None) -> Imported:
    version = "/v1" if books.provider.kind == "openai" else ""
    waited: list[float] = [] if pauses is None else pauses
    return fetching.fetch(
        provider=books.provider,
        key=key,
        first=OCTOBER,
        last=LAST,
        at=IMPORTED,
        by="ann",
        address=vendor.address + version,
        pause=waited.append,
    )


def test_openai_page_by_page(openai: Books, vendor: Vendor) -> None:
    at_openai(openai, vendor)

    done = fetch(openai, vendor)

    assert [(report.kind, report.lines.count()) for report in done.reports] == [("cost", 35), ("usage", 35)]
    assert (done.runs[0].state, differing(done.runs[0])) == ("matched", [])
    assert done.reports[0].source == (
        f"{vendor.address}{COSTS}, {vendor.address}{USAGE}, {vendor.address}{EMBEDDINGS}"
    )


def test_what_openai_is_asked(openai: Books, vendor: Vendor) -> None:
    at_openai(openai, vendor)
    fetch(openai, vendor)

    span = {"start_time": ["1790812800"], "end_time": ["1793491200"], "bucket_width": ["1d"]}
    by_line = {"group_by[]": ["line_item", "project_id"], "limit": ["180"]}
    by_model = {"group_by[]": ["model", "api_key_id", "batch", "service_tier"], "limit": ["31"]}
    assert vendor.asked[:4] == [
        (COSTS, span | by_line),
        (COSTS, span | by_line | {"page": ["page_1"]}),
        (USAGE, span | by_model),
        (USAGE, span | by_model | {"page": ["page_1"]}),
    ]


def test_anthropic_page_by_page(anthropic: Books, vendor: Vendor) -> None:
    costs, usage = bills.anthropic(anthropic.bill())
    vendor.pages = {COST_REPORT: in_two(costs.data), USAGE_REPORT: in_two(usage.data)}

    done = fetch(anthropic, vendor, key=ANTHROPIC)

    assert (done.runs[0].state, done.runs[0].theirs) == ("matched", Decimal("12.915"))
    path, query = vendor.asked[0]
    assert (path, query["starting_at"], query["ending_at"]) == (
        COST_REPORT,
        ["2026-10-01T00:00:00Z"],
        ["2026-11-01T00:00:00Z"],
    )


def test_what_passes_is_waited_for_as_long_as_the_vendor_says(openai: Books, vendor: Vendor) -> None:
    at_openai(openai, vendor)
    vendor.troubles = [
        (429, {"retry-after": "7"}, "slow down"),
        (503, {}, "busy"),
        (529, {}, "overloaded"),
        (429, {"retry-after": "600"}, "slow down"),
    ]
    pauses: list[float] = []

    assert fetch(openai, vendor, pauses=pauses).runs[0].state == "matched"
    assert pauses == [7.0, 2.0, 4.0, 60.0]


def test_what_does_not_pass_leaves_nothing_behind(openai: Books, vendor: Vendor) -> None:
    at_openai(openai, vendor)
    vendor.troubles = [(503, {}, "busy")] * 6

    with pytest.raises(FetchFailed, match="503 busy"):
        fetch(openai, vendor)

    assert VendorReport.objects.count() == 0


def test_a_refused_key_is_not_repeated(openai: Books, vendor: Vendor) -> None:
    with pytest.raises(FetchFailed) as refusal:
        fetch(openai, vendor, key="sk-admin-wrong-4711")

    assert "401" in str(refusal.value)
    assert "Incorrect API key provided: Bearer (the key)" in str(refusal.value)
    assert "4711" not in str(refusal.value)


def test_an_address_that_nobody_answers_is_said(openai: Books, vendor: Vendor) -> None:
    vendor.address = "http://127.0.0.1:1"

    with pytest.raises(FetchFailed, match="ConnectError"):
        fetch(openai, vendor)


def test_no_log_has_the_key(openai: Books, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    at_openai(openai, vendor)

    fetch(openai, vendor)

    assert OPENAI not in caplog.text


def test_google_has_no_endpoint(gemini: Books, vendor: Vendor) -> None:
    with pytest.raises(FetchFailed, match="import its export as a file"):
        fetch(gemini, vendor)


def test_the_command_fetches_with_a_stored_key(openai: Books, vendor: Vendor) -> None:
    at_openai(openai, vendor)
    openai.provider.base_url = f"{vendor.address}/v1"
    openai.provider.save()
    credential = ReportCredential(provider=openai.provider)
    credential.set_credential(OPENAI)
    credential.save()
    out = io.StringIO()
    days = ["--from", "2026-10-01", "--to", "2026-10-31"]

    call_command("import_vendor_costs", "--provider", "openai", "--fetch", *days, stdout=out)

    assert "cost: 35 lines, 2026-10-01 to 2026-10-31" in out.getvalue()
    assert "2026-10: matched, gap $0, open (absolute) $0" in out.getvalue()
    assert OPENAI not in credential.api_key_encrypted


def test_a_stored_key_does_not_follow_a_provider_that_moves(openai: Books, vendor: Vendor) -> None:
    credential = ReportCredential(provider=openai.provider)
    credential.set_credential(OPENAI)
    credential.save()
    openai.provider.base_url = f"{vendor.address}/v1"
    openai.provider.save()
    days = ["--from", "2026-10-01", "--to", "2026-10-31"]

    with pytest.raises(
        CommandError, match=r"was entered for https://openai.example:443; openai is elsewhere"
    ):
        call_command("import_vendor_costs", "--provider", "openai", "--fetch", *days)

    assert vendor.asked == []


def test_a_key_of_the_environment_goes_to_the_vendor_alone(
    openai: Books, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_API_KEY", OPENAI)
    given = {"provider": openai.provider, "confirmed": False}

    assert admin_keys.of(address="https://api.openai.com/v1", **given) == OPENAI
    with pytest.raises(admin_keys.NoAdminKey, match="--base-url"):
        admin_keys.of(address=vendor.address, **given)
    assert admin_keys.of(provider=openai.provider, address=vendor.address, confirmed=True) == OPENAI


def test_without_a_key_it_is_said_how_to_give_one(openai: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_ADMIN_API_KEY", raising=False)

    with pytest.raises(admin_keys.NoAdminKey, match="set OPENAI_ADMIN_API_KEY, or store one in the admin"):
        admin_keys.of(provider=openai.provider, address="https://api.openai.com/v1", confirmed=False)

"""Check I9 over sockets: a bill made from the vendors' own log of calls, beside the ledger of a gateway."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest

from tests.checks.asking import ask
from tests.live import bills
from tests.live.house import House, Row
from tests.live.surfaces import CHAT, MESSAGES
from tests.metering.reconciliation import shapes

pytestmark = pytest.mark.live

WORDS = {"input": "input", "cache_read": "cached input", "output": "output"}
TOKEN_TYPES = {
    "input": "uncached_input_tokens",
    "cache_read": "cache_read_input_tokens",
    "output": "output_tokens",
}


def answered(house: House, vendor: str) -> list[tuple[dt.date, Row, dict[str, int]]]:
    """What the vendor has in its log: day, call, and the tokens that it charges, reasoning as output."""
    found = []
    for call in house.vendors.calls():
        if call["vendor"] == vendor and call["status"] == 200 and call["usage"]:
            counts = bills.columns(call)
            told = {"input": counts["input"], "cache_read": counts["cache_read"]}
            told["output"] = counts["output"] + counts["reasoning"]
            found.append((dt.datetime.fromtimestamp(call["started"], tz=dt.UTC).date(), call, told))
    return found


def charged(model: str, tokens: dict[str, int], meter: str) -> Decimal:
    """By the price list of the test, written down apart from the product's."""
    return bills.price(
        model,
        dict.fromkeys(("input", "cache_write", "cache_read", "output", "reasoning"), 0)
        | {meter: tokens[meter]},
    )


def openai_files(house: House, folder: Path) -> list[str]:
    log = answered(house, "openai")
    days = sorted({day for day, _, _ in log})
    costs = [
        (
            day,
            [
                shapes.openai_cost(str(charged(c["model"], t, m)), f"{c['model']}, {w}")
                for on, c, t in log
                if on == day
                for m, w in WORDS.items()
            ],
        )
        for day in days
    ]
    usage = [
        (
            day,
            [
                shapes.openai_usage(
                    call["model"],
                    input_tokens=tokens["input"] + tokens["cache_read"],
                    input_cached_tokens=tokens["cache_read"],
                    output_tokens=tokens["output"],
                    api_key_id=f"key_{call['key_fingerprint']}",
                )
                for on, call, tokens in log
                if on == day
            ],
        )
        for day in days
    ]
    return written(
        folder, {"costs.json": shapes.openai_page(*costs), "usage.json": shapes.openai_page(*usage)}
    )


def anthropic_files(house: House, folder: Path) -> list[str]:
    log = answered(house, "anthropic")
    days = sorted({day for day, _, _ in log})
    costs = [
        (
            day,
            [
                shapes.anthropic_cost(f"{charged(c['model'], t, m) * 100:f}", w, c["model"])
                for on, c, t in log
                if on == day
                for m, w in TOKEN_TYPES.items()
            ],
        )
        for day in days
    ]
    usage = [
        (
            day,
            [
                shapes.anthropic_usage(c["model"], **{w: t[m] for m, w in TOKEN_TYPES.items()})
                for on, c, t in log
                if on == day
            ],
        )
        for day in days
    ]
    return written(
        folder, {"cost.json": shapes.anthropic_page(*costs), "usage.json": shapes.anthropic_page(*usage)}
    )


def written(folder: Path, pages: dict[str, Row]) -> list[str]:
    for name, page in pages.items():
        (folder / name).write_text(json.dumps(page))
    return [str(folder / name) for name in pages]


def imported(house: House, provider: str, files: list[str]) -> str:
    """What the import says of the current month."""
    done = house.manage("import_vendor_costs", "--provider", provider, *files)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_i9_the_vendors_own_log_agrees_but_for_a_call_past_the_gateway(house: House, tmp_path: Path) -> None:
    for stream in (False, True):
        ask(house, CHAT, "gpt-4o", stream=stream)
        ask(house, MESSAGES, "claude-haiku-4-5", stream=stream)
    for provider, files in (("openai", openai_files), ("anthropic", anthropic_files)):
        assert "matched, gap $0, open (absolute) $0" in imported(house, provider, files(house, tmp_path))
    spent = house.sql("SELECT sum(ours) AS ours, sum(theirs) AS theirs FROM metering_reconciliationrun")[0]
    assert (
        spent["ours"]
        == spent["theirs"]
        == house.sql("SELECT sum(cost) FROM metering_costentry")[0]["sum"]
        > 0
    )

    tokens = past_the_gateway(house)
    imported(house, "openai", openai_files(house, tmp_path))
    month = f"{dt.datetime.now(tz=dt.UTC):%Y-%m}"
    told = house.manage("reconcile", "--provider", "openai", "--month", month, "--rows").stdout

    assert f"open BYPASS: {tokens} tokens of accounts that are not the gateway's: key_" in told


def past_the_gateway(house: House) -> int:
    """Calls with a key that is not the gateway's, dear enough to be seen; how many tokens were answered."""
    [ours] = {call["key_fingerprint"] for _, call, _ in answered(house, "openai")}
    house.sql(
        "INSERT INTO metering_vendoraccount (provider_id, identifier, is_ours, note)"
        " SELECT id, %s, true, '' FROM catalog_provider WHERE name = 'openai' RETURNING id",
        f"key_{ours}",
    )
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Past the gateway."}]}
    count = 0
    for _ in range(20):
        answer = httpx2.post(
            f"{house.vendors.base_url}/v1/chat/completions",
            json=body,
            headers={"authorization": "Bearer sk-of-a-laptop"},
        )
        assert answer.status_code == 200
        count += answer.json()["usage"]["completion_tokens"]
    return count

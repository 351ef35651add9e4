"""A model without a price: its cost is unknown, said so everywhere, refused under a hard budget, never 0."""

import csv
import io
import json
from decimal import Decimal

import pytest

from tests.live.house import House

pytestmark = pytest.mark.live

CONFIGURATION = """
[[teams]]
name = "careful"
models = ["*"]
[[teams.limits]]
amount = "50.0"

[[teams]]
name = "curious"
models = ["*"]

[[teams]]
name = "watched"
models = ["*"]
[[teams.limits]]
amount = "50.0"
mode = "soft"
"""
PRICED = """
[[models]]
provider = "local"
name = "unpriced"
[[models.prices]]
input = "1.00"
output = "1.00"
"""
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@STREAMED
def test_refused_under_a_hard_budget(house: House, stream: bool) -> None:
    key = house.new_key(team="careful")
    answer = house.chat("unpriced", key=key, stream=stream)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("model_unpriced", "model")
    assert answer.headers["x-should-retry"] == "false"
    assert house.vendors.calls() == []
    assert house.entries(answer.headers["x-request-id"]) == []
    assert house.chat("llama", key=key).status_code == 200


@STREAMED
@pytest.mark.parametrize("team", ["search", "watched"], ids=["no budget", "soft budget"])
def test_elsewhere_the_cost_is_unknown(house: House, team: str, stream: bool) -> None:
    key = house.new_key(team=team)
    if stream:
        chunks = house.stream("unpriced", key=key)
        headers, request_id = chunks.headers, chunks.request_id
    else:
        answer = house.chat("unpriced", key=key)
        headers, request_id = answer.headers, answer.headers["x-request-id"]
    assert "x-tallygate-cost-usd" not in headers
    entry = house.entry(request_id)
    assert (entry["cost"], entry["cost_reason"], entry["price_id"]) == (None, "unpriced", None)
    assert (entry["outcome"], entry["usage_source"]) == ("ok", "reported")
    assert (entry["input"], entry["output"]) == (13, 4)


def test_said_on_every_screen_and_priced_from_its_first_price_on(house: House) -> None:
    key = house.new_key(team="curious")
    request_id = house.chat("unpriced", key=key).headers["x-request-id"]
    known = house.chat("llama", key=key).headers["x-tallygate-cost-usd"]

    spend = json.loads(house.manage("spend", "--team", "curious", "--format", "json").stdout)
    assert (spend["total"]["calls"], spend["total"]["unpriced"]) == (2, 1)
    assert spend["total"]["cost_usd"] == known
    by_model = json.loads(
        house.manage("spend", "--team", "curious", "--by", "model", "--format", "json").stdout
    )
    costs = {row["model"]: row["cost_usd"] for row in by_model["rows"]}
    assert costs == {"local/unpriced": None, "local/llama": known}

    with house.person() as browser:
        page = browser.get("/spend/?team=curious&by=model").text
        assert "excludes 1 of unknown cost" in page
        assert '<span class="unknown">unknown</span>' in page
        rows = csv.DictReader(io.StringIO(browser.get("/spend/export.csv?team=curious&by=model").text))
        cells = {
            row["group"]: (row["cost_usd"], row["unpriced_entries"]) for row in rows if row["row"] == "model"
        }
        assert cells == {"local/unpriced": ("", "1"), "local/llama": (known, "0")}
        detail = browser.get(f"/spend/entries/{request_id}/")
        assert detail.status_code == 200
        assert "no price in force" in detail.text.lower()
        assert "unknown" in detail.text
        assert "$0.00<" not in detail.text

    # A price that begins now is for the calls from now on; the past stays as it was booked.
    house.apply(PRICED)
    answer = house.chat("unpriced", key=key)
    assert Decimal(answer.headers["x-tallygate-cost-usd"]) == Decimal("0.000017")
    assert house.entry(request_id)["cost"] is None
    house.verify()

"""Checks D6, D8, D10 and D11 over sockets, with two workers: one price for all, from its first moment."""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import httpx2
import pytest

from tests.checks.asking import STREAMED, SURFACES, ask
from tests.live.house import House, Worker, until
from tests.live.surfaces import Surface

pytestmark = pytest.mark.live

CONFIGURATION = """
[[providers]]
name = "reseller"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
api_key = "reseller-of-the-gateway"

[[models]]
provider = "reseller"
name = "llama"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.70"
output = "0.90"

[[models]]
provider = "local"
name = "free"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0"
output = "0"

[[models]]
provider = "local"
name = "least"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.000001"
output = "0.000001"

[[models]]
provider = "local"
name = "planned"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "1.00"

[[routes]]
name = "x"
targets = ["local/free"]
"""
TOKENS = 17  # of the sandbox's usual answer: 13 in, 4 out


@pytest.fixture
def workers(house: House) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        yield [stack.enter_context(house.worker(pid)) for pid in house.worker_pids()]


@SURFACES
@STREAMED
@pytest.mark.parametrize(("model", "cost"), [("free", "0"), ("least", "0.000000000017")])
def test_d6_a_price_of_zero_or_nearly_is_a_price(
    house: House, surface: Surface, stream: bool, model: str, cost: str
) -> None:
    request, _ = ask(house, surface, model, stream=stream)

    entry = house.entry(request)
    assert (entry["cost"], entry["cost_reason"]) == (Decimal(cost), "")
    assert entry["price_id"] is not None


def test_d6_every_worker_charges_it_every_time(house: House, workers: list[Worker]) -> None:
    for worker in workers:
        for _ in range(25):
            for name in ("free", "local/free", "x", "least"):
                status, body, headers = worker.chat(name)
                assert status == 200, body
                expected = Decimal("0.000000000017") if name == "least" else Decimal(0)
                assert Decimal(headers["x-tallygate-cost-usd"]) == expected
    [counted] = house.sql(
        "SELECT count(DISTINCT (route, cost, price_id)) AS kinds, count(DISTINCT route) AS routes,"
        " count(*) FILTER (WHERE cost IS NULL) AS unknown"
        " FROM metering_costentry WHERE route IN ('free', 'local/free', 'x', 'least')"
    )
    assert (counted["kinds"], counted["routes"], counted["unknown"]) == (4, 4, 0)


@pytest.mark.parametrize(
    "name", ["llama-2026", "llama-mini", "lla", "LLAMA", "local/llama-2026-01-01", "x-mini"]
)
def test_d8_a_name_is_a_models_or_a_routes_or_nobodys(house: House, name: str) -> None:
    answer = house.chat(name)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert house.vendors.calls() == []


def test_d10_each_seller_of_a_model_has_its_own_price(house: House) -> None:
    costs = {
        name: house.entry(house.chat(name).headers["x-request-id"])["cost"]
        for name in ("local/llama", "reseller/llama")
    }

    assert costs == {
        "local/llama": (13 * Decimal("0.05") + 4 * Decimal("0.08")) / 1_000_000,
        "reseller/llama": (13 * Decimal("0.70") + 4 * Decimal("0.90")) / 1_000_000,
    }


def field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return found[1]


def drafted(browser: httpx2.Client, price: int, **rates: str) -> str:
    """Drafts a price from an existing one, to begin as soon as it is accepted; the draft's page."""
    add = browser.get(f"/admin/catalog/priceproposal/add/?from={price}")
    model = re.search(r'<option value="(\d+)" selected', add.text)
    assert model
    begins = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    form = {
        "csrfmiddlewaretoken": field(add.text, "csrfmiddlewaretoken"),
        "model": model[1],
        "effective_from_0": f"{begins:%Y-%m-%d}",
        "effective_from_1": f"{begins:%H:%M:%S.%f}",
        **{"variant": "standard", "above_input_tokens": "0", "tier": "whole", "weekdays": ""},
        **rates,
    }
    page = browser.post(add.request.url.path, data=form, headers={"referer": str(add.url)})
    assert "Nothing is priced by it until another person accepts it" in page.text, page.text
    return str(page.url.path)


def test_d11_a_price_that_is_accepted_in_the_admin_is_every_workers_next(
    house: House, workers: list[Worker]
) -> None:
    [old] = house.sql(
        "SELECT p.id FROM catalog_price p JOIN catalog_languagemodel m ON m.id = p.model_id"
        " WHERE m.name = 'planned'"
    )
    for worker in workers:
        assert worker.chat("planned")[2]["x-tallygate-cost-usd"] == "0.000017"

    with house.person("ann") as ann, house.person("bob") as bob:
        path = drafted(ann, old["id"], input="2.00", output="2.00")
        page = bob.get(path)
        assert "changes" in page.text
        form = {"csrfmiddlewaretoken": field(page.text, "csrfmiddlewaretoken"), "decision": "accept"}
        done = bob.post(path.replace("change", "decide"), data=form, headers={"referer": str(page.url)})
        assert "1 accepted." in done.text, done.text

    for worker in workers:
        until(
            lambda w=worker: w.chat("planned")[2]["x-tallygate-cost-usd"] == "0.000034",
            seconds=3,
            what="the new price",
            every=0.05,
        )
    used = house.sql(
        "SELECT DISTINCT cost, price_id = %s AS old FROM metering_costentry WHERE route = 'planned'",
        old["id"],
    )
    assert {(row["cost"], row["old"]) for row in used} == {
        (Decimal("0.000017"), True),
        (Decimal("0.000034"), False),
    }

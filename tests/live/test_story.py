"""The story that started this: the model with the lower price per token can be the dearer one."""

from decimal import Decimal

import pytest

from tests.live.house import House

pytestmark = pytest.mark.live

HAIKU = "claude-haiku-4-5"  # 1.00 / 5.00 USD per million: 13 tokens in, 4 out
FLASH = "gemini-2.5-flash"  # 0.30 / 2.50: 13 in, 4 out, and 108 of thinking before them
COSTS = {HAIKU: Decimal("0.000033"), FLASH: Decimal("0.0002839")}
REASONING = {HAIKU: 0, FLASH: 108}


@pytest.mark.parametrize("model", [HAIKU, FLASH])
class TestOneQuestion:
    def test_the_caller_is_told_the_exact_cost(self, house: House, model: str) -> None:
        answer = house.chat(model)
        assert answer.status_code == 200
        assert answer.json()["choices"][0]["message"]["content"] == "Paris."
        assert Decimal(answer.headers["x-tallygate-cost-usd"]) == COSTS[model]
        assert answer.headers["x-tallygate-model"].endswith(f"/{model}")
        assert answer.headers["x-tallygate-attempts"] == "1"

    @pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
    def test_the_ledger_keeps_reasoning_apart(self, house: House, model: str, streamed: bool) -> None:
        request_id = house.stream(model).request_id if streamed else house.chat(model).headers["x-request-id"]
        entry = house.entry(request_id)
        assert entry["cost"] == COSTS[model]
        assert (entry["input"], entry["output"], entry["reasoning"]) == (13, 4, REASONING[model])
        assert (entry["outcome"], entry["usage_source"], entry["cost_reason"]) == ("ok", "reported", "")
        assert entry["streamed"] is streamed
        assert entry["price_id"] is not None

    def test_a_streamed_and_a_plain_call_are_booked_alike(self, house: House, model: str) -> None:
        plain = house.entry(house.chat(model).headers["x-request-id"])
        streamed = house.entry(house.stream(model).request_id)
        same = ("cost", "input", "cache_read", "output", "reasoning", "price_id", "variant", "finish_reason")
        assert {name: plain[name] for name in same} == {name: streamed[name] for name in same}


def test_the_cheaper_price_is_8_6_times_dearer(house: House) -> None:
    costs = [Decimal(house.chat(model).headers["x-tallygate-cost-usd"]) for model in (FLASH, HAIKU)]
    assert round(costs[0] / costs[1], 2) == Decimal("8.60")


def test_the_books_prove_right(house: House) -> None:
    house.chat(HAIKU)
    house.stream(FLASH)
    house.verify()

"""M4 and M7: a vendor's errors may quote our credential and the prompt; neither is repeated or kept.

The vendor of these tests repeats both, in a form that no pattern can know.
"""

import json

import pytest

from tests.live.house import House, Row

pytestmark = pytest.mark.live

CREDENTIAL = "canaryVENDORcredential0123456789"
PROMPT = "canaryPROMPT of somebody"
FAILURES = ("refused", "rejected", "broken", "redirected")
QUOTED = ("refused", "rejected", "broken")


@pytest.fixture(scope="module")
def told(house_of_module: House, parrot: str) -> House:
    house_of_module.apply(f"""
[[providers]]
name = "parrot"
kind = "openai_compatible"
base_url = "{parrot}"
api_key = "{CREDENTIAL}"
[providers.policy]
max_attempts = 1
breaker_failures = 100
breaker_min_calls = 100
[[models]]
provider = "parrot"
name = "m"
max_output_tokens = 10
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "1.00"
""")
    house_of_module.new_key()  # every worker has read the configuration
    return house_of_module


def kept(house: House) -> str:
    """Every row of every table, as text."""
    tables = house.sql("SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'")
    rows = (house.sql(f"SELECT t::text AS row FROM {table['name']} t") for table in tables)
    return "\n".join(row["row"] for found in rows for row in found)


def fail(house: House, how: str, stream: bool) -> str:
    """Everything the caller is told."""
    answer = house.chat("parrot/m", PROMPT, user=how, stream=stream)
    assert answer.status_code >= 400, answer.text
    return f"{answer.headers} {answer.text}"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("how", [*QUOTED, "redirected"])
def test_a_caller_is_not_told_the_vendors_credential(told: House, how: str, stream: bool) -> None:
    assert CREDENTIAL not in fail(told, how, stream)


def test_neither_log_nor_ledger_holds_the_credential(told: House) -> None:
    for how in FAILURES:
        fail(told, how, stream=False)
    assert told.server is not None
    assert CREDENTIAL not in told.server.output
    assert CREDENTIAL not in kept(told)


def test_the_log_holds_no_prompt(told: House) -> None:
    for how in FAILURES:
        fail(told, how, stream=False)
    assert told.server is not None
    assert PROMPT not in told.server.output


def test_the_ledger_holds_no_prompt_that_a_vendor_quoted(told: House) -> None:
    for how in FAILURES:
        fail(told, how, stream=False)
    assert PROMPT not in kept(told)


@pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash", "llama"])
def test_good_calls_keep_neither_prompt_nor_answer_nor_key(house: House, model: str) -> None:
    text = f"goodcallCANARY for {model}"
    fields: Row = {"user": f"{text} user", "metadata": {"note": f"{text} metadata"}, "stop": [f"{text} stop"]}
    assert house.chat(model, text, **fields).status_code == 200
    assert house.stream(model, text).done
    house.post(json.dumps({"model": model, "messages": text}).encode())
    assert house.server is not None
    for secret in ("goodcallCANARY", house.key):
        assert secret not in house.server.output
        assert secret not in kept(house)

"""LangChain's own standard suite on each surface and vendor (suites/langchain_suite.py)."""

import pytest

from tests.live.clients import apart
from tests.live.clients.apart import Results
from tests.live.clients.conftest import metered, rows
from tests.live.house import House, Row, until

pytestmark = pytest.mark.live

# Each test that a subclass switches off, beside the reason, which is in the suite.
ALWAYS = {"test_stream_time", "test_audio_inputs"}
CHAT = ALWAYS | {"test_image_tool_message", "test_pdf_tool_message", "test_anthropic_inputs"}
RESPONSES = ALWAYS | {"test_anthropic_inputs"}
MESSAGES = ALWAYS | {"test_json_mode"}
SKIPPED = {
    "TestChatOpenAI_gpt": CHAT,
    "TestChatOpenAI_claude": CHAT,
    "TestChatOpenAI_gemini": CHAT - {"test_audio_inputs"},
    "TestChatOpenAI_gpt_direct": CHAT,
    "TestResponses_gpt": RESPONSES,
    "TestResponses_claude": RESPONSES,
    "TestResponses_gemini": RESPONSES,
    "TestResponses_gpt_direct": RESPONSES,
    "TestChatAnthropic_claude": MESSAGES,
    "TestChatAnthropic_gpt": MESSAGES,
    "TestChatAnthropic_gemini": MESSAGES,
    "TestChatAnthropic_claude_direct": MESSAGES,
}
TESTS = 50  # in the suite, with their parameters: fewer would mean that something was not run

Run = tuple[dict[str, Results], list[Row]]


@pytest.fixture(scope="module")
def run(house_of_module: House, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The results by class, and the calls that the vendors had from the gateway meanwhile."""
    house = house_of_module
    house.vendors.reset()
    env = {
        "GATEWAY_URL": house.url,
        "GATEWAY_KEY": house.key,
        "SANDBOX_URL": house.vendors.base_url,
        "LANGSMITH_TRACING": "false",
    }
    results = apart.run_suite("langchain_suite", env=env, report=tmp_path_factory.mktemp("l") / "report.xml")
    return results, [call for call in metered(house) if call["client_request_id"]]


@pytest.mark.parametrize("name", SKIPPED)
def test_the_standard_suite(run: Run, name: str) -> None:
    results = run[0][name]
    results.check()
    assert set(results.skipped) == SKIPPED[name]
    assert len(results.passed) + len(results.skipped) == TESTS


def test_no_class_of_the_suite_is_forgotten(run: Run) -> None:
    assert run[0].keys() == SKIPPED.keys()


def test_each_call_is_in_the_books_once_and_priced(run: Run, house: House) -> None:
    calls = run[1]
    assert len(calls) > 9 * TESTS
    until(lambda: rows(house) >= len(calls), seconds=15, what=f"{len(calls)} rows")
    assert rows(house) == len(calls)
    assert not house.sql("SELECT 1 FROM metering_costentry WHERE cost IS NULL")
    house.verify()

"""A conversation that begins with one vendor and goes on with another, as routes fall back between turns.

The first one's ids, signatures and thoughts come back in the caller's next request. The second must be sent
nothing that it would refuse, and no call nor result may be lost.
"""

from typing import Any

import pytest

from tests.live import bills, hearing, situations
from tests.live.house import House, Row
from tests.live.situations import ADD, MODELS, MULTIPLY, Ask
from tests.live.surfaces import CHAT, MESSAGES, SURFACES, Surface, streamed

pytestmark = pytest.mark.live
CONFIGURATION = situations.CONFIGURATION

PAIRS = [(first, second) for first in MODELS for second in MODELS if first != second]
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
RESULTS = ("five it is", "twenty it is")


@EACH_SURFACE
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_another_vendor_answers_the_tools_results(
    house: House, surface: Surface, first: str, second: str
) -> None:
    asked = _ask(surface, first, f"{ADD} and {MULTIPLY}")
    answer = house.http.post(surface.path, json=asked, headers=house.headers())
    assert answer.status_code == 200, answer.text
    assert len(hearing.whole(surface, answer.json()).calls) == 2

    again = _again(surface, _ask(surface, second, f"{ADD} and {MULTIPLY}"), answer.json())
    final = house.http.post(surface.path, json=again, headers=house.headers())
    flowing = streamed(house, surface, again | _with_usage(surface))

    assert final.status_code == 200, final.text
    heard = hearing.whole(surface, final.json())
    assert hearing.without_counts(hearing.flowing(surface, flowing)) == hearing.without_counts(heard)
    assert (heard.finish, heard.calls) == ("stop", ())
    assert heard.text.index(RESULTS[0]) < heard.text.index(RESULTS[1])
    for request_id in (final.headers["x-request-id"], flowing.request_id):
        bills.check(house, request_id, second)


def _ask(surface: Surface, model: str, prompt: str) -> Row:
    thinks = model != "gpt-4o"
    return situations.body(surface, model, Ask(prompt, tools=("add", "multiply"), think=thinks))


def _with_usage(surface: Surface) -> Row:
    return {"stream_options": {"include_usage": True}} if surface is CHAT else {}


def _again(surface: Surface, asked: Row, answer: Row) -> Row:
    """The next request: what was asked, what was answered, unchanged, and the results."""
    if surface is CHAT:
        message = answer["choices"][0]["message"]
        ids = [call["id"] for call in message["tool_calls"]]
        results: list[Any] = [
            {"role": "tool", "tool_call_id": ident, "content": result}
            for ident, result in zip(ids, RESULTS, strict=True)
        ]
        return {**asked, "messages": [*asked["messages"], message, *results]}
    if surface is MESSAGES:
        ids = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": ident, "content": result}
            for ident, result in zip(ids, RESULTS, strict=True)
        ]
        turns = [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": results}]
        return {**asked, "messages": [*asked["messages"], *turns]}
    ids = [item["call_id"] for item in answer["output"] if item["type"] == "function_call"]
    results = [
        {"type": "function_call_output", "call_id": ident, "output": result}
        for ident, result in zip(ids, RESULTS, strict=True)
    ]
    asked_first = {"role": "user", "content": asked["input"]}
    return {**asked, "input": [asked_first, *answer["output"], *results]}

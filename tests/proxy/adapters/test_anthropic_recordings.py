"""Every recorded answer of Anthropic, to a caller of its own dialect: the same bytes, and the bill of a
translated one (whose figures ``test_recordings`` holds against the vendor's own words)."""

import pytest

from proxy.adapters.registry import adapter_for
from proxy.dialects.messages.dialect import MESSAGES
from proxy.interchange.dialect import Call
from tests.proxy.adapters.anthropic_calls import read
from tests.proxy.adapters.drive import call, target
from tests.proxy.adapters.recordings import Recording, those

OWN = Call(dialect=MESSAGES, body={}, raw=b"{}")
GOOD = those(lambda one: one.kind == "anthropic" and one.status == 200 and not one.streamed)
STREAMS = those(
    lambda one: one.kind == "anthropic" and one.status == 200 and one.streamed and b"message_stop" in one.body
)


@pytest.mark.parametrize("recording", GOOD)
def test_a_whole_answer(recording: Recording) -> None:
    adapter, aimed = adapter_for("anthropic"), target("anthropic")
    passed = adapter.response_from(recording.body, {}, OWN, aimed)
    told = adapter.response_from(recording.body, {}, call(), aimed)
    assert passed.body is recording.body
    for name in (
        "usage",
        "raw_usage",
        "finish_reason",
        "text",
        "model",
        "upstream_id",
        "variant",
        "flags",
        "parts",
    ):
        assert getattr(passed, name) == getattr(told, name)


@pytest.mark.parametrize("step", [0, 11])
@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream(recording: Recording, step: int) -> None:
    passed = read(recording.body, OWN, step=step)
    told = read(recording.body, call(stream=True), step=step)
    assert b"".join(passed.fed + passed.closed) == recording.body
    # the tools that the vendor ran are written for its own callers alone; {} only for others
    passed.state.visible_chars = told.state.visible_chars
    assert passed.state == told.state

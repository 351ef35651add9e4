"""Asked in the vendor's own dialect, the gateway's answer is, to the SDK, the vendor's."""

import pytest

from tests.replay.gathering import Gathered
from tests.replay.recordings import Recording, those
from tests.replay.test_errors import breaks
from tests.replay.tidy import tidied, without_null_usage

pytestmark = pytest.mark.live


def good(recording: Recording) -> bool:
    return not recording.failed and not breaks(recording)


def of(wire: str, *, streamed: bool) -> list[object]:
    return those(
        lambda found: (
            good(found) and found.wire == wire and found.streamed is streamed and found.kind != "gemini"
        )
    )


@pytest.mark.parametrize("recording", of("chat", streamed=False))
def test_chat_completions(gathered: Gathered, recording: Recording) -> None:
    through = gathered.through("chat", recording)
    assert through.failure is None
    assert through.parsed == gathered.direct(recording).parsed


@pytest.mark.parametrize("recording", of("chat", streamed=True))
def test_chat_completions_streamed(gathered: Gathered, recording: Recording) -> None:
    """Chunk by chunk; what the gateway tidies up is in tidy.py."""
    through = gathered.through("chat", recording)
    assert through.failure is None
    assert without_null_usage(through.events) == tidied(gathered.direct(recording).events)


@pytest.mark.parametrize("recording", of("messages", streamed=False))
def test_messages(gathered: Gathered, recording: Recording) -> None:
    through = gathered.through("messages", recording)
    assert through.failure is None
    assert through.parsed == gathered.direct(recording).parsed


@pytest.mark.parametrize("recording", of("messages", streamed=True))
def test_messages_streamed(gathered: Gathered, recording: Recording) -> None:
    """Event by event."""
    through = gathered.through("messages", recording)
    assert through.failure is None
    assert through.events == gathered.direct(recording).events


@pytest.mark.parametrize("recording", of("responses", streamed=False))
def test_responses(gathered: Gathered, recording: Recording) -> None:
    through = gathered.through("responses", recording)
    assert through.failure is None
    assert through.parsed == gathered.direct(recording).parsed


@pytest.mark.parametrize("recording", of("responses", streamed=True))
def test_responses_streamed(gathered: Gathered, recording: Recording) -> None:
    """Event by event."""
    through = gathered.through("responses", recording)
    assert through.failure is None
    assert through.events == gathered.direct(recording).events


@pytest.mark.parametrize("recording", those(lambda found: good(found) and found.wire == "count_tokens"))
def test_token_counts(gathered: Gathered, recording: Recording) -> None:
    """Gemini's count comes in Anthropic's shape: that is the one that callers can ask for."""
    through, direct = gathered.through("count_tokens", recording), gathered.direct(recording)
    assert through.failure is None
    assert direct.parsed is not None
    wanted = {"input_tokens": direct.parsed["total_tokens"]} if recording.kind == "gemini" else direct.parsed
    assert through.parsed == wanted

"""Asked in another dialect, the gateway's answer says what the vendor's own SDK reads."""

import dataclasses

import pytest

from tests.replay.differences import SAYINGS
from tests.replay.gathering import Gathered, calls, own_dialect
from tests.replay.recordings import Recording
from tests.replay.sayings import saying
from tests.replay.test_errors import breaks

pytestmark = pytest.mark.live


def crosses(dialect: str, recording: Recording) -> bool:
    speaks = dialect in ("chat", "messages", "responses") and dialect != recording.wire
    return speaks and not recording.failed and not breaks(recording)


@pytest.mark.parametrize(("dialect", "recording"), calls(crosses))
def test_says_the_same(gathered: Gathered, dialect: str, recording: Recording) -> None:
    """Text, tool calls, finish reason, tokens in and out; in chat completions the thoughts, too."""
    through = gathered.through(dialect, recording)
    assert through.failure is None
    wanted = saying(own_dialect(recording), gathered.direct(recording))
    wanted = dataclasses.replace(wanted, **SAYINGS.get(recording.name, {}))
    found = saying(dialect, through)
    if dialect == "responses" and wanted.tools and wanted.finish == "stop":
        wanted.finish = "tool_calls"  # its calls are items beside the text: there is no other word
    if dialect != "chat":
        wanted.thoughts = found.thoughts = ""
    if wanted.input_tokens is None:  # not reported; a dialect that must give a number gives 0
        assert (found.input_tokens or 0, found.output_tokens or 0) == (0, 0)
        found.input_tokens = found.output_tokens = wanted.output_tokens = None
    assert found == wanted

"""Nothing that was recorded is passed over in silence."""

from collections import Counter

import pytest

from tests.replay.gathering import SOURCES
from tests.replay.recordings import ALL, EVERY, EXCLUDED, paths

pytestmark = pytest.mark.skipif(not EVERY, reason="no shared/recordings beside the repository")


def test_every_file_is_replayed_or_excluded_with_a_reason() -> None:
    replayed = {recording.name for recording in ALL}
    left = [recording for recording in EVERY if recording.name not in replayed]
    assert len(EVERY) == len(paths())
    assert Counter(recording.endpoint for recording in left) == {"cohere_chat": 4, "completions": 2}
    assert all(EXCLUDED[recording.endpoint] for recording in left)


def test_every_replayed_recording_has_a_caller() -> None:
    served = {wire for wires in SOURCES.values() for wire in wires}
    assert {recording.wire for recording in ALL} == served


def test_ids_are_unique_and_name_their_recording() -> None:
    assert len({recording.upstream_id for recording in ALL}) == len(ALL)
    assert all(recording.upstream_id.startswith(recording.model) for recording in ALL)

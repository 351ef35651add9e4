"""The replaying vendor itself: what it sends is what was recorded."""

import httpx2
import pytest

from tests.replay.recordings import Recording, those

pytestmark = pytest.mark.live

PLACES = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
    "count_tokens": "/v1/messages/count_tokens",
}
VERBS = {
    "generateContent": "generateContent",
    "streamGenerateContent": "streamGenerateContent",
    "embeddings": "batchEmbedContents",
    "count_tokens": "countTokens",
}


def place(recording: Recording) -> str:
    if recording.kind == "gemini":
        return f"/v1beta/models/{recording.upstream_id}:{VERBS[recording.endpoint]}"
    return PLACES[recording.wire]


@pytest.mark.parametrize("recording", those(lambda _: True))
def test_answers_as_recorded(replay: str, vendor_client: httpx2.Client, recording: Recording) -> None:
    answer = vendor_client.post(replay + place(recording), json={"model": recording.upstream_id})
    assert answer.status_code == recording.status
    assert answer.content == recording.served
    for name, value in recording.headers.items():
        if name != "content-type" or not recording.streamed:
            assert answer.headers[name] == value


@pytest.mark.parametrize("recording", those(lambda found: found.number < 5))
def test_answers_nothing_at_another_endpoint(
    replay: str, vendor_client: httpx2.Client, recording: Recording
) -> None:
    elsewhere = PLACES["chat" if recording.wire != "chat" else "messages"]
    answer = vendor_client.post(replay + elsewhere, json={"model": recording.upstream_id})
    assert answer.status_code == 418

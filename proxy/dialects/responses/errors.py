"""An error inside a stream of the Responses API."""

from proxy.dialects import openai_errors
from proxy.dialects.responses import answer, ids
from proxy.errors import CallError
from proxy.interchange import wire
from proxy.interchange.writing import Told


def frames_of(error: CallError, told: Told | None) -> bytes:
    """The last events of a stream that had begun: ``error``, then ``response.failed``, by which some clients
    (Codex) alone decide whether to try again. ``told`` is what was known of the answer."""
    failed = answer.begun({}, ids.ident_of(told.upstream_id), told.model, wire.now()) if told else {}
    if told and told.upstream_id.startswith("resp_"):
        failed["id"] = told.upstream_id  # the vendor's own stream, which we only passed on
    failed |= {"status": "failed", "error": {"code": "server_error", "message": error.message}, "output": []}
    event = {"type": "response.failed", "sequence_number": 1, "response": failed}
    last = b"event: response.failed\ndata: " + wire.encode(event) + b"\n\n"
    return frame_of(error) + (last if told else b"")


def frame_of(error: CallError) -> bytes:
    """The error itself: neither ``response.completed`` nor ``[DONE]`` follows.

    The event has both of the shapes that OpenAI sends: flat, as its SDK's type has it, and with ``error``,
    without which the SDK takes the event for one like any other and raises nothing.
    """
    told = openai_errors.error_of(error)
    event = {
        "type": "error",
        "sequence_number": 0,  # not counted: the stream may be the vendor's own, which we only pass on
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "error": told,
    }
    return b"event: error\ndata: " + wire.encode(event) + b"\n\n"

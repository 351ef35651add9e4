"""An error inside a stream of the Responses API."""

from proxy.dialects import openai_errors
from proxy.errors import CallError
from proxy.interchange import wire


def frame_of(error: CallError) -> bytes:
    """The last event of a stream that had begun: neither ``response.completed`` nor ``[DONE]`` follows.

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

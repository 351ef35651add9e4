"""OpenAI's error envelope, shared by the dialects that are OpenAI's."""

from proxy.errors import CallError
from proxy.interchange import wire


def body_of(error: CallError) -> bytes:
    """``{"error": {...}}``"""
    return wire.encode({"error": error_of(error)})


def error_of(error: CallError) -> dict[str, object]:
    return {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
        **error.details,
    }


def frame_of(error: CallError) -> bytes:
    """The error as the last event of a stream of chunks: no ``[DONE]`` follows."""
    return b"data: " + body_of(error) + b"\n\n"

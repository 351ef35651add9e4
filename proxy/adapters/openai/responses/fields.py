"""The parts of a Responses answer and of its events that we read; all others pass unseen."""

from typing import Any

import msgspec


class Response(msgspec.Struct, gc=False):
    """A ``response``, whole or as it stands when an event speaks of it."""

    id: Any = ""
    model: Any = ""
    status: Any = ""
    error: Any = None
    incomplete_details: Any = None
    output: Any = None
    usage: Any = None
    service_tier: Any = None
    tool_usage: Any = None


class Event(msgspec.Struct, gc=False):
    """One event of a stream. ``response`` stays undecoded: it repeats the tools and instructions."""

    type: Any = ""
    delta: Any = None
    item: Any = None
    output_index: Any = None
    summary_index: Any = None
    annotation: Any = None
    logprobs: Any = None
    error: Any = None
    response: msgspec.Raw = msgspec.Raw()


decode_response = msgspec.json.Decoder(Response).decode
decode_event = msgspec.json.Decoder(Event).decode

"""Responses as a dialect (see ``interchange.dialect``)."""

from collections.abc import Mapping
from typing import Any

from proxy.dialects import openai_errors
from proxy.dialects.responses import answer, conversation, errors, fields, request
from proxy.dialects.responses.stream import ResponsesWriter
from proxy.errors import CallError
from proxy.interchange.conversation import Conversation
from proxy.interchange.dialect import Call, ParsedCall
from proxy.interchange.reply import Reply
from proxy.interchange.writing import StreamWriter, Told


class Responses:
    """Stateless; one serves all calls."""

    name = "responses"
    fields = fields.FIELDS

    def parse(self, raw: bytes, headers: Mapping[bytes, bytes]) -> ParsedCall:
        return request.parse(raw, headers, self)

    def conversation_from(self, body: Mapping[str, Any]) -> Conversation:
        return conversation.conversation_from(body)

    def body_of(self, reply: Reply, call: Call) -> bytes:
        return answer.body_of(reply, call.body)

    def writer(self, told: Told, call: Call) -> StreamWriter:
        return ResponsesWriter(told, call.body)

    def error_body(self, error: CallError, *, request_id: str) -> bytes:
        return openai_errors.body_of(error)

    def error_frames(self, error: CallError, *, request_id: str, told: Told | None = None) -> bytes:
        return errors.frames_of(error, told)


RESPONSES = Responses()

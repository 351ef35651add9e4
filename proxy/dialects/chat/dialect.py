"""Chat completions as a dialect (see ``interchange.dialect``)."""

from collections.abc import Mapping
from typing import Any

from proxy.dialects import openai_errors
from proxy.dialects.chat import answer, conversation, fields, request
from proxy.dialects.chat.stream import ChatWriter
from proxy.errors import CallError
from proxy.interchange.conversation import Conversation
from proxy.interchange.dialect import Call, ParsedCall
from proxy.interchange.reply import Reply
from proxy.interchange.writing import StreamWriter, Told


class Chat:
    """Stateless; one serves all calls."""

    name = "chat"
    fields = fields.FIELDS

    def parse(self, raw: bytes, headers: Mapping[bytes, bytes]) -> ParsedCall:
        return request.parse(raw, self)

    def conversation_from(self, body: Mapping[str, Any]) -> Conversation:
        return conversation.conversation_from(body)

    def body_of(self, reply: Reply, call: Call) -> bytes:
        return answer.body_of(reply, older=_is_older(call))

    def writer(self, told: Told, call: Call) -> StreamWriter:
        return ChatWriter(told, include_usage=call.include_usage, older=_is_older(call))

    def error_body(self, error: CallError, *, request_id: str) -> bytes:
        return openai_errors.body_of(error)

    def error_frames(self, error: CallError, *, request_id: str, told: Told | None = None) -> bytes:
        return openai_errors.frame_of(error)


def _is_older(call: Call) -> bool:
    """Whether the caller offers ``functions``, which tools replaced: it looks for ``function_call``."""
    return bool(call.body.get("functions")) and not call.body.get("tools")


CHAT = Chat()

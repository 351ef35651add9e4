"""Messages, and the counting of their tokens, as dialects (see ``interchange.dialect``)."""

from collections.abc import Mapping
from typing import Any

from proxy.dialects.messages import answer, conversation, errors, fields, request
from proxy.dialects.messages.stream import MessagesWriter
from proxy.errors import CallError
from proxy.interchange.conversation import Conversation
from proxy.interchange.dialect import Call, ParsedCall
from proxy.interchange.reply import Reply
from proxy.interchange.writing import StreamWriter, Told


class Messages:
    """Stateless; one serves all calls."""

    name = "messages"
    fields = fields.FIELDS

    def parse(self, raw: bytes, headers: Mapping[bytes, bytes]) -> ParsedCall:
        return request.parse(raw, headers, self)

    def conversation_from(self, body: Mapping[str, Any]) -> Conversation:
        return conversation.conversation_from(body)

    def body_of(self, reply: Reply, call: Call) -> bytes:
        return answer.body_of(reply)

    def writer(self, told: Told, call: Call) -> StreamWriter:
        return MessagesWriter(told)

    def error_body(self, error: CallError, *, request_id: str) -> bytes:
        return errors.body_of(error, request_id=request_id)

    def error_frames(self, error: CallError, *, request_id: str, told: Told | None = None) -> bytes:
        return errors.frame_of(error, request_id=request_id)


class CountTokens(Messages):
    """The same request without a ceiling; the answer is a count."""

    name = "count_tokens"

    def parse(self, raw: bytes, headers: Mapping[bytes, bytes]) -> ParsedCall:
        return request.parse_count(raw, headers, self)


MESSAGES = Messages()
COUNT_TOKENS = CountTokens()

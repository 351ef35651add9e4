"""All dialects of the calls door."""

from proxy.dialects.chat.dialect import CHAT
from proxy.dialects.embeddings.dialect import EMBEDDINGS
from proxy.dialects.messages.dialect import COUNT_TOKENS, MESSAGES
from proxy.dialects.responses.dialect import RESPONSES
from proxy.interchange.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (CHAT, MESSAGES, RESPONSES, EMBEDDINGS, COUNT_TOKENS)
}

__all__ = ["CHAT", "COUNT_TOKENS", "DIALECTS", "EMBEDDINGS", "MESSAGES", "RESPONSES"]

"""What the URL asks of the page: which model, through which API, streamed or not. Never a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from metering.spend.filters import read_choice, read_text

APIS = {
    "chat": "Chat completions (OpenAI)",
    "responses": "Responses (OpenAI)",
    "messages": "Messages (Anthropic)",
}
STREAMS = {"yes": "as it is written", "no": "whole, at its end"}


@dataclass(frozen=True, slots=True)
class Asked:
    """``model`` is a name as callers write it; empty: whichever the page begins with."""

    model: str = ""
    api: str = "chat"
    stream: str = "yes"

    @property
    def streams(self) -> bool:
        return self.stream == "yes"

    def query(self) -> str:
        return urlencode({"model": self.model, "api": self.api, "stream": self.stream})


def asked_from(query: Mapping[str, str]) -> Asked:
    """Raises BadFilter."""
    return Asked(
        model=read_text(query, "model"),
        api=read_choice(query, "api", tuple(APIS)) or "chat",
        stream=read_choice(query, "stream", tuple(STREAMS)) or "yes",
    )

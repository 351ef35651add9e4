"""The call that every snippet makes, as the APIs have it on the wire; and how values are written in code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY_VARIABLE = "TALLYGATE_API_KEY"
QUESTION = "What is the capital of France? Answer with one word."
MOST_TOKENS = 1000  # of the answer, thinking included; also bounds what is set aside for the call
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


@dataclass(frozen=True, slots=True)
class Call:
    """``base_url``: of the gateway, without a version and without a slash at its end."""

    base_url: str
    model: str
    api: str
    streams: bool

    @property
    def url(self) -> str:
        return self.base_url + PATHS[self.api]

    def fields(self) -> dict[str, Any]:
        """The body, but for ``stream`` and what belongs to it."""
        if self.api == "responses":
            return {"model": self.model, "input": QUESTION, "max_output_tokens": MOST_TOKENS}
        messages = [{"role": "user", "content": QUESTION}]
        return {"model": self.model, "messages": messages, "max_tokens": MOST_TOKENS}

    def body(self) -> dict[str, Any]:
        if not self.streams:
            return self.fields()
        usage = {"stream_options": {"include_usage": True}} if self.api == "chat" else {}
        return self.fields() | {"stream": True} | usage


def literal(value: Any) -> str:
    """``value`` as JSON. A text or a list of objects of texts so written is Python and JavaScript, too."""
    return json.dumps(value, ensure_ascii=False)


def block(fields: Mapping[str, Any]) -> str:
    """An object with a line for each field."""
    lines = ",\n".join(f"  {literal(name)}: {literal(value)}" for name, value in fields.items())
    return f"{{\n{lines}\n}}"


def indented(text: str, by: int) -> str:
    """Every line but the first moved to the right."""
    return text.replace("\n", "\n" + " " * by)

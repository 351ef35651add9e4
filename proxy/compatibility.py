"""What becomes of every request field at every vendor: docs/compatibility.md, written from the tables that
the adapters go by."""

from collections.abc import Iterator

from proxy.adapters.anthropic.rules import RULES as ANTHROPIC
from proxy.adapters.gemini.rules import RULES as GEMINI
from proxy.adapters.openai.chat.rules import COMPATIBLE
from proxy.adapters.openai.chat.rules import OPENAI as OPENAI_CHAT
from proxy.adapters.openai.responses.rules import RULES as OPENAI_RESPONSES
from proxy.dialects.chat.fields import FIELDS as CHAT
from proxy.dialects.messages.fields import FIELDS as MESSAGES
from proxy.dialects.responses.fields import FIELDS as RESPONSES
from proxy.interchange.features import Field, Fields, Handling, Rule, Rules, rule_of

WIRES: dict[str, Rules] = {
    "Anthropic": ANTHROPIC,
    "Gemini": GEMINI,
    "OpenAI, /chat/completions": OPENAI_CHAT,
    "OpenAI-compatible": COMPATIBLE,
    "OpenAI, /responses": OPENAI_RESPONSES,
}
DIALECTS: dict[str, tuple[str, Fields, tuple[str, ...]]] = {
    "/v1/chat/completions": (
        "Chat completions",
        CHAT,
        ("Anthropic", "Gemini", "OpenAI, /responses"),
    ),
    "/v1/messages": (
        "Messages",
        MESSAGES,
        ("Gemini", "OpenAI, /chat/completions", "OpenAI-compatible", "OpenAI, /responses"),
    ),
    "/v1/responses": ("Responses", RESPONSES, ("Anthropic", "Gemini", "OpenAI-compatible")),
}
SAME = {
    "/v1/chat/completions": "OpenAI and OpenAI-compatible vendors",
    "/v1/messages": "Anthropic",
    "/v1/responses": "OpenAI and vendors that have its Responses API",
}
WORDS = {Handling.MAPPED: "yes", Handling.DROPPED: "dropped", Handling.REFUSED: "400"}

HEAD = """# Compatibility: which field does what at which vendor

Written by `manage.py compatibility` from the tables that the adapters go by; a test holds this page to them.

A caller speaks one of three dialects to any model. Where the vendor speaks the same one, the request and the
answer pass as they are (but for the model's name, the output ceiling, and fields that would redirect the
gateway's credential). Elsewhere each field is translated:

* **yes**: the vendor has it, as the note says
* **dropped**: its loss changes no answer; the response header `x-tallygate-dropped` names it
* **400**: its loss would change the meaning; the error names the field and the vendor
* a field in no table is refused too, and `null` asks for nothing

Which column holds: the vendor's name; for a model of OpenAI */chat/completions*, but for models and requests
that OpenAI takes at */responses* alone (tools together with thinking from gpt-5.4 on). What passes as it is,
the vendor itself judges. Embeddings pass to OpenAI kinds and are translated for Gemini; tokens are counted by
Anthropic, Gemini and OpenAI.

Values in parentheses ask for nothing and pass everywhere.
"""


def page() -> str:
    """The whole document, in Markdown."""
    return "\n".join([HEAD, *(line for path in DIALECTS for line in _dialect(path))]) + "\n"


def _dialect(path: str) -> Iterator[str]:
    title, fields, wires = DIALECTS[path]
    yield f"## {title}: `POST {path}`\n"
    yield f"As they are: {SAME[path]}.\n"
    yield f"| field | {' | '.join(wires)} |"
    yield "|---" * (len(wires) + 1) + "|"
    for name, field in _rows(fields):
        yield f"| {_name(name, field)} | {' | '.join(_cell(field, wire) for wire in wires)} |"
    yield ""


def _rows(fields: Fields, before: str = "") -> Iterator[tuple[str, Field]]:
    """Every field, one with parts as its parts."""
    for name, field in fields.items():
        if field.parts is None:
            yield before + name, field
        else:
            yield from _rows(field.parts, f"{before}{name}.")


def _name(name: str, field: Field) -> str:
    harmless = ", ".join(f"`{value!r}`" for value in field.harmless)
    return f"`{name}`" + (f" ({harmless})" if harmless else "")


def _cell(field: Field, wire: str) -> str:
    rule: Rule = rule_of(field, WIRES[wire], wire)
    word = WORDS[rule.handling]
    return f"{word}: {rule.note}" if rule.note else word

"""Code to copy: one call in curl, Python and JavaScript. Text only; tests run it against a live gateway."""

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.playground.snippets import curl, fetch, javascript, python
from proxy.playground.snippets.call import KEY_VARIABLE, Call


@dataclass(frozen=True, slots=True)
class Snippet:
    """``name`` is its id on the page; ``needs``: what must be installed first, empty for nothing."""

    name: str
    title: str
    needs: str
    code: str


def snippets(call: Call) -> Sequence[Snippet]:
    """The same call in every language."""
    sdk = "anthropic" if call.api == "messages" else "openai"
    package = "@anthropic-ai/sdk" if call.api == "messages" else "openai"
    return (
        Snippet("curl", "curl", "", curl.code(call)),
        Snippet("python", f"Python, {sdk}", f"pip install {sdk}", python.code(call)),
        Snippet("javascript", f"JavaScript, {package}", f"npm install {package}", javascript.code(call)),
        Snippet("fetch", "JavaScript, fetch", "", fetch.code(call)),
    )


__all__ = ["KEY_VARIABLE", "Call", "Snippet", "snippets"]

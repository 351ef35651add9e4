"""Which vendor and which operation a request is for."""

from typing import NamedTuple

from proxy.sandbox.ask import Refused


class Route(NamedTuple):
    """What is asked of a vendor. ``model`` and ``version`` are those in the path, as Gemini has them."""

    vendor: str
    operation: str  # generate | responses | count | embed | models | unknown
    model: str | None = None
    version: str = ""
    stream: bool = False


OPERATIONS = {
    ("POST", "/v1/chat/completions"): Route("openai", "generate"),
    ("POST", "/v1/responses"): Route("openai", "responses"),
    ("POST", "/v1/responses/input_tokens"): Route("openai", "count"),
    ("POST", "/v1/embeddings"): Route("openai", "embed"),
    ("POST", "/v1/messages"): Route("anthropic", "generate"),
    ("POST", "/v1/messages/count_tokens"): Route("anthropic", "count"),
}
GEMINI_VERBS = {
    "generateContent": "generate",
    "streamGenerateContent": "generate",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}


def route(method: str, path: str, headers: dict[bytes, bytes]) -> Route:
    """The operation behind a method and path; ``unknown`` where a vendor has none."""
    known = OPERATIONS.get((method, path))
    if known is not None:
        return known
    version, _, rest = path.lstrip("/").partition("/")
    kind, _, name = rest.partition("/")
    if kind == "models" and method == "POST" and ":" in name:
        model, _, verb = name.rpartition(":")
        stream = verb == "streamGenerateContent"
        return Route("gemini", GEMINI_VERBS.get(verb, "unknown"), model, version, stream)
    vendor = _vendor(version, kind, headers)
    if kind == "models" and method == "GET":
        return Route(vendor, "models", name or None, version)
    return Route(vendor, "unknown", None, version)


def _vendor(version: str, kind: str, headers: dict[bytes, bytes]) -> str:
    """All three list their models; the headers tell whose client asks."""
    if version == "v1beta" or b"x-goog-api-key" in headers:
        return "gemini"
    return "anthropic" if kind == "messages" or b"anthropic-version" in headers else "openai"


def site_of(path: str) -> tuple[str, str]:
    """Split ``/@eu/v1/messages`` into ``eu`` and ``/v1/messages``: one sandbox can play many regions."""
    if not path.startswith("/@"):
        return "", path
    site, _, rest = path[2:].partition("/")
    return site, f"/{rest}"


def unknown_path(route: Route) -> Refused:
    """The 404 of a path that no vendor has."""
    message = {
        "openai": "Invalid URL",
        "anthropic": "Not found",
        "gemini": "The requested URL was not found.",
    }
    return Refused(404, message[route.vendor], kind="" if route.vendor == "openai" else None)

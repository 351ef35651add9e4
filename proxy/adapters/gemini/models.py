"""What is told from a model's id."""

from urllib.parse import quote

from proxy.adapters.gemini.effort import version_of

# Calls carry signatures and ids, results carry media, and functions go with search and JSON (wire.md d.2).
GEMINI_3 = (3, 0)


def is_gemini_3(model: str) -> bool:
    """Gemini 3 or later."""
    return version_of(model) >= GEMINI_3


def resource(model: str) -> str:
    """``models/x``, unless the id already names its collection (``tunedModels/x``)."""
    return model if "/" in model else f"models/{model}"


def path(model: str) -> str:
    """The same for a URL."""
    return quote(resource(model), safe="/-._~@")

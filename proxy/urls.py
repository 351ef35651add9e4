"""The calls' URL table. Every path that can reach a vendor is metered: a test enumerates this table."""

from collections.abc import Mapping

from proxy import views
from proxy.call_view import CallView

CALLS: Mapping[str, type[CallView]] = {
    "/v1/chat/completions": views.ChatCompletions,
    "/v1/messages": views.Messages,
    "/v1/messages/count_tokens": views.CountTokens,
    "/v1/responses": views.Responses,
    "/v1/embeddings": views.Embeddings,
    "/v1/models": views.Models,
}


# Where clients come whose base URL lacks /v1: they get an answer that says so, not a page.
WITHOUT_VERSION = frozenset(path.removeprefix("/v1") for path in CALLS)


def is_call(path: str) -> bool:
    """Whether a path is for the calls door, be it a mistaken one."""
    return path.startswith(("/v1/", "/v1beta/")) or path in WITHOUT_VERSION


def view_for(path: str) -> type[CallView]:
    """The view of a path; a model's own path has its name, which may hold slashes, after ``/v1/models/``."""
    if path.startswith("/v1/models/"):
        return views.Models
    return CALLS.get(path, views.NoSuchPath)

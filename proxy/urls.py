"""The calls' URL table. Every path that can reach a vendor is metered: a test enumerates this table."""

from collections.abc import Mapping

from proxy.views import CallView, ChatCompletions, Models, NoSuchPath

CALLS: Mapping[str, type[CallView]] = {
    "/v1/chat/completions": ChatCompletions,
    "/v1/models": Models,
}


def view_for(path: str) -> type[CallView]:
    return CALLS.get(path, NoSuchPath)

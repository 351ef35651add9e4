"""What OpenAI-shaped vendors bill beside tokens: server tools by the call, and their own figure of the cost.

A price row has one rate for fees, ``per_request``: that of a web search. A tool that is billed otherwise (by
the container, by the stored gigabyte, at another rate per call) makes the cost unknown: a flag
``unpriced:...`` says so. Tools that the caller's side runs, and remote MCP servers, cost tokens only.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from metering import reported
from metering.usage import unpriced
from proxy.interchange import wire

FREE_CALLS = {
    "function_call",
    "custom_tool_call",
    "mcp_call",
    "tool_search_call",
    "computer_call",
    "local_shell_call",
    "apply_patch_call",
}
SEARCH = "web_search_call"
# xAI's counters. Its searches on the web are what a price row's ``per_request`` is for.
XAI_SEARCHES, XAI_FREE = {"web_search_calls"}, {"mcp_calls"}
# Most answers say this and no more: there is nothing to look for in them.
ORDINARY = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
    }
)
TICKS_PER_USD = Decimal(10) ** 10  # xAI's unit of money


def fees_in(output_items: object, tool_usage: object = None) -> tuple[int, tuple[str, ...]]:
    """Web searches billed for a Responses answer, and flags for tools that have no rate.

    ``output_items`` is ``response.output``; ``tool_usage`` is ``response.tool_usage``, where the vendor
    itself counts the searches that it bills. Declaring a tool costs nothing: only calls made are items.
    """
    items = wire.objects(output_items)
    counted = wire.mapping(wire.mapping(tool_usage).get("web_search")).get("num_requests")
    searches = sum(map(_searched, items)) if counted is None else wire.count(counted)
    return searches, tuple(dict.fromkeys(unpriced(kind) for item in items if (kind := _billed_apart(item))))


def fees_of_tools(executed_tools: object) -> tuple[str, ...]:
    """Flags for Groq's built-in tools (``message.executed_tools``): each kind has a rate of its own."""
    tools = wire.objects(executed_tools)
    return tuple(dict.fromkeys(unpriced(wire.text(tool.get("type")) or "executed_tool") for tool in tools))


def requests_in(usage: Mapping[str, Any]) -> int:
    """Fees by the request that the usage itself counts: OpenRouter's and xAI's searches, Perplexity's."""
    if usage.keys() <= ORDINARY:
        return 0
    details = wire.mapping(usage.get("server_tool_use_details"))
    xai = wire.mapping(usage.get("server_side_tool_usage_details"))
    fees = wire.count(details.get("web_search_requests")) + wire.count(usage.get("num_sources_used"))
    fees += sum(wire.count(xai.get(name)) for name in XAI_SEARCHES)
    if "search_context_size" in usage or "num_search_queries" in usage:
        fees += wire.count(usage.get("num_search_queries")) or 1
    return fees


def unpriced_in(usage: Mapping[str, Any]) -> tuple[str, ...]:
    """Flags for counters of the usage that are billed and have no rate."""
    if usage.keys() <= ORDINARY:
        return ()
    xai = wire.mapping(usage.get("server_side_tool_usage_details"))
    counters = {name: wire.count(value) for name, value in xai.items()}
    found = [name for name, count in counters.items() if count and name not in XAI_SEARCHES | XAI_FREE]
    details = wire.mapping(usage.get("server_tool_use_details"))
    known = {"web_search_requests", "tool_calls_requested", "tool_calls_executed", "web_fetch_requests"}
    found += [name for name, value in details.items() if wire.count(value) and name not in known]
    found += ["citation_tokens"] if wire.count(usage.get("citation_tokens")) else []
    return tuple(map(unpriced, found))


def reported_cost_from(raw_usage: object) -> Decimal | None:
    """USD that the vendor says it charges: OpenRouter's ``cost``, Perplexity's ``total_cost``, xAI's ticks.

    None when it says nothing, or says it in another currency.
    """
    usage = wire.mapping(raw_usage)
    if usage.keys() <= ORDINARY:
        return None
    ticks = usage.get("cost_in_usd_ticks")
    if isinstance(ticks, int):
        return reported.usd(Decimal(ticks) / TICKS_PER_USD)
    cost = usage.get("cost")
    if isinstance(cost, dict):
        return reported.usd(cost.get("total_cost")) if cost.get("currency", "USD") == "USD" else None
    return _with_own_keys(reported.usd(cost), usage)


def _with_own_keys(cost: Decimal | None, usage: Mapping[str, Any]) -> Decimal | None:
    """With a vendor key of one's own OpenRouter bills its fee alone; the vendor bills the rest."""
    if cost is None or usage.get("is_byok") is not True:
        return cost
    rest = reported.usd(wire.mapping(usage.get("cost_details")).get("upstream_inference_cost"))
    return None if rest is None else cost + rest


def _searched(item: Mapping[str, Any]) -> int:
    """1 for a search that is billed: opening or scanning a page is not, nor is a search that failed."""
    if item.get("type") != SEARCH or item.get("status") == "failed":
        return 0
    return int(wire.mapping(item.get("action")).get("type", "search") == "search")


def _billed_apart(item: Mapping[str, Any]) -> str:
    """The kind of an item that is billed and has no rate, else empty. What calls a tool ends in ``_call``."""
    kind = wire.text(item.get("type"))
    if kind == "shell_call":
        return kind if wire.mapping(item.get("environment")).get("type") == "container_reference" else ""
    return kind if kind.endswith("_call") and kind != SEARCH and kind not in FREE_CALLS else ""


__all__ = [
    "fees_in",
    "fees_of_tools",
    "reported_cost_from",
    "requests_in",
    "unpriced_in",
]

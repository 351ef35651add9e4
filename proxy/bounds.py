"""The most that a request can use of a model: what a hold is made of (docs/decisions/0003)."""

from catalog.snapshot import ModelRow
from metering.receipts import Kept
from proxy.interchange.dialect import ParsedCall

UNKNOWN_MAX_OUTPUT = 16_384  # tokens; for a model whose maximum the catalog does not know
USEFUL_OUTPUT = 256  # tokens; the fewest granted to a caller who named no ceiling
TOOL_PROMPT_TOKENS = (
    1_000  # upper bound of what a vendor writes into the prompt by itself when tools are given
)
LINKED_PART_TOKENS = 50_000  # upper bound for a part (image, file) whose bytes are not in the request
UNKNOWN_CONTEXT = (
    1_050_000  # tokens; no vendor that keeps answers sells a model that reads more at once (November 2026)
)


def output_bounds(parsed: ParsedCall, model: ModelRow) -> tuple[int, int]:
    """Output tokens (wanted, least accepted) over all choices, reasoning included."""
    if not parsed.output:
        return 0, 0
    largest = model.max_output_tokens or UNKNOWN_MAX_OUTPUT
    if parsed.max_output_tokens is None:
        return largest * parsed.choices, min(largest, USEFUL_OUTPUT) * parsed.choices
    asked = (
        min(parsed.max_output_tokens, model.max_output_tokens or parsed.max_output_tokens) * parsed.choices
    )
    return asked, asked


def input_bound(parsed: ParsedCall) -> int:
    """At most this many tokens of the request itself: a token is at least one byte of it."""
    hidden = TOOL_PROMPT_TOKENS if parsed.has_tools else 0
    return parsed.size + parsed.linked_parts * LINKED_PART_TOKENS + hidden


def kept_bound(kept: Kept | None, model: ModelRow) -> int:
    """Tokens of the context that the vendor puts before the request: the earlier answer's, with its own.

    Another model counts otherwise (an image may have thirty times the tokens), but reads no more than its
    context window.
    """
    if kept is None:
        return 0
    if kept.tokens is not None and kept.model_id == model.id:
        return kept.tokens
    return model.context_window or UNKNOWN_CONTEXT

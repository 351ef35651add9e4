"""What an unfinished answer used, estimated from its text: booked as ``estimated``, never as reported."""

import math

from metering.usage import Usage
from proxy.adapters.base import StreamState

BYTES_PER_TOKEN = 4  # English prose on the vendors' tokenizers; only ever used when the vendor told nothing


def usage_of_unfinished(state: StreamState, *, request_bytes: int, context_tokens: int = 0) -> Usage | None:
    """Usage of a stream that broke off after content; None (unknown) when there was no content at all.

    What the vendor reported so far (an input count at the start, say) is kept; counts never shrink.
    ``context_tokens``: what the vendor put before the request, of an earlier answer that it keeps.
    """
    if not state.content_started:
        return state.usage
    output = math.ceil(state.visible_chars / BYTES_PER_TOKEN)
    reasoning = math.ceil(state.reasoning_chars / BYTES_PER_TOKEN)
    if state.usage is None:
        asked = math.ceil(request_bytes / BYTES_PER_TOKEN) + context_tokens
        return Usage(input=asked, output=output, reasoning=reasoning)
    seen = state.usage
    return Usage(
        input=seen.input,
        cache_read=seen.cache_read,
        cache_write_5m=seen.cache_write_5m,
        cache_write_1h=seen.cache_write_1h,
        output=max(seen.output, output),
        reasoning=max(seen.reasoning, reasoning),
        audio_input=seen.audio_input,
        audio_output=seen.audio_output,
        requests=seen.requests,
    )

"""Prompt caching as the vendors do it: which part of an input was read before.

Nothing expires: the same prefix is a hit until ``DELETE /control``. Bounded to the newest entries.
"""

from collections import OrderedDict
from dataclasses import dataclass

from proxy.sandbox.ask import Input
from proxy.sandbox.profiles import BYTES_PER_TOKEN, tokens_of_bytes

MIN_TOKENS = 1024
BLOCK_TOKENS = 128
MAX_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class Hit:
    """Input tokens by what the cache did with them; the rest of the input is neither."""

    read: int = 0
    write_5m: int = 0
    write_1h: int = 0


NO_HIT = Hit()


class PrefixCache:
    """Prefixes seen so far, per model."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, None] = OrderedDict()

    def clear(self) -> None:
        """Forget every prefix."""
        self._seen.clear()

    def automatic(self, model: str, given: Input) -> Hit:
        """OpenAI and Gemini: whole blocks of 128 tokens, from 1,024 tokens."""
        if tokens_of_bytes(given.size()) < MIN_TOKENS:
            return NO_HIT
        text = "".join(given.parts).encode()
        step = BLOCK_TOKENS * BYTES_PER_TOKEN
        key, read, written = hash(model), 0, 0
        for start in range(0, len(text) - step + 1, step):
            key = hash((key, text[start : start + step]))
            if self._remember(key) and not written:
                read += BLOCK_TOKENS
            else:
                written += BLOCK_TOKENS
        return Hit(read=read, write_5m=written) if read >= MIN_TOKENS else Hit(write_5m=read + written)

    def marked(self, model: str, given: Input) -> Hit:
        """Anthropic: up to the caller's ``cache_control`` marks of at least 1,024 tokens."""
        read = 0
        writes = {"5m": 0, "1h": 0}
        done = 0
        for parts, ttl in given.breakpoints:
            end = tokens_of_bytes(given.size(parts))
            if end < MIN_TOKENS:
                continue
            if self._remember(hash((model, *given.parts[:parts]))):
                # A hit at a later mark covers everything before it.
                read, writes = end, {"5m": 0, "1h": 0}
            else:
                writes[ttl] += end - done
            done = end
        return Hit(read, writes["5m"], writes["1h"])

    def _remember(self, key: int) -> bool:
        known = key in self._seen
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > MAX_ENTRIES:
            self._seen.popitem(last=False)
        return known

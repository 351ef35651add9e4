"""How many tokens another model spends where this one spent some. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from metering.costing import EXACT
from metering.usage import BUCKETS

ONE = Decimal(1)
ZERO = Decimal(0)
KINDS = ("input", "output", "reasoning")
# Fees such as web searches are asked for by callers, whatever model answers: no factor.
KIND_OF = {
    "input": "input",
    "cache_read": "input",
    "cache_write_5m": "input",
    "cache_write_1h": "input",
    "audio_input": "input",
    "output": "output",
    "audio_output": "output",
    "reasoning": "reasoning",
}


@dataclass(frozen=True, slots=True)
class Factors:
    """Tokens of the other model for each token of the traffic as it was.

    ``input`` is the difference of tokenizers. ``added``: reasoning tokens for each answered request on top,
    because no factor makes a model think that is compared with one that does not.
    """

    input: Decimal = ONE
    output: Decimal = ONE
    reasoning: Decimal = ONE
    added: Decimal = ZERO

    def applied(self, tokens: Mapping[str, int], *, answers: int) -> dict[str, Decimal]:
        """Exact, so that there are parts of tokens in it."""
        found = {bucket: self._times(bucket, tokens[bucket]) for bucket in BUCKETS}
        thought = EXACT.multiply(self.added, Decimal(answers))
        found["reasoning"] = EXACT.add(found["reasoning"], thought)
        return found

    def _times(self, bucket: str, tokens: int) -> Decimal:
        kind = KIND_OF.get(bucket)
        return Decimal(tokens) if kind is None else EXACT.multiply(getattr(self, kind), Decimal(tokens))


AS_IT_WAS = Factors()

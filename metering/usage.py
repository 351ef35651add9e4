"""The normalised token counts of one answer.

Every vendor counts differently (inclusive or exclusive of cached tokens, with or without reasoning); adapters
translate into these disjoint buckets, so that cost = sum(bucket x rate) and nothing is billed twice.
"""

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one answer in disjoint buckets; every value is a count >= 0.

    ``input``           uncached prompt tokens (text, images, documents, tool-use prompt)
    ``cache_read``      prompt tokens served from the vendor's cache
    ``cache_write_5m``  prompt tokens written to the vendor's cache at its base write rate
    ``cache_write_1h``  prompt tokens written with the long time to live
    ``output``          visible answer tokens
    ``reasoning``       tokens the model spent thinking; billed as output unless the price says otherwise
    ``audio_input``     prompt tokens that are audio (uncached)
    ``audio_output``    answer tokens that are audio
    ``requests``        per-call fees, such as web searches that were really made (a count, not tokens)
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        for name in BUCKETS:
            if getattr(self, name) < 0:
                raise ValueError(f"usage bucket {name} is negative: {getattr(self, name)}")

    @property
    def total_input(self) -> int:
        """All prompt tokens, cached or not: what a vendor's long-context threshold is compared with."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.audio_input

    @property
    def total_output(self) -> int:
        """All answer tokens, visible or not."""
        return self.output + self.reasoning + self.audio_output

    @property
    def total_tokens(self) -> int:
        return self.total_input + self.total_output

    def plus(self, other: "Usage") -> "Usage":
        """Both together: two answers that were billed apart."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in BUCKETS})

    def less(self, other: "Usage") -> "Usage":
        """What is left beside ``other``; never negative."""
        return Usage(**{name: max(getattr(self, name) - getattr(other, name), 0) for name in BUCKETS})


BUCKETS: tuple[str, ...] = Usage.__struct_fields__


class Part(msgspec.Struct, frozen=True):
    """The share of one answer's usage that one model has, where the vendor let several work on it.

    ``model`` is the vendor's own name; empty: the model that was called.
    """

    model: str
    usage: Usage


# A flag that begins so names something that was billed and that no rate of a price row can express: the cost
# is then unknown, with the reason unpriced_component. Any other flag is for people to read.
UNPRICED = "unpriced:"
FLAG_LENGTH = 40  # as the ledger stores them
OTHER_MODEL = "other_model_usage"  # some of the usage is another model's; Result.parts says whose


def unpriced(component: str) -> str:
    """The flag for a component that was billed and has no rate: ``unpriced:code_interpreter_call``."""
    return f"{UNPRICED}{component}"[:FLAG_LENGTH]


def is_unpriced(flag: str) -> bool:
    return flag.startswith(UNPRICED)

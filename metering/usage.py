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


BUCKETS: tuple[str, ...] = Usage.__struct_fields__

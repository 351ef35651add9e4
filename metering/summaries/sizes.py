"""Bins for the number of output tokens of an answer: exact below 16, then 8 to each doubling. Pure.

So a bin's tokens are within 12.5 % of each other, and a quantile read from bins is, too.
"""

from collections.abc import Sequence
from typing import NamedTuple

EXACT = 16
PER_DOUBLING = 8


class Bin(NamedTuple):
    """``lowest`` to ``highest`` tokens, inclusive."""

    lowest: int
    highest: int


class Count(NamedTuple):
    bin: int
    answers: int


def bin_of(tokens: int) -> int:
    """The same as metering_size_bin in SQL."""
    if tokens < EXACT:
        return tokens
    octave = tokens.bit_length() - 1
    return EXACT + (octave - 4) * PER_DOUBLING + (tokens >> (octave - 3)) - PER_DOUBLING


def tokens_of(number: int) -> Bin:
    if number < EXACT:
        return Bin(number, number)
    octave, place = divmod(number - EXACT, PER_DOUBLING)
    width = 2 << octave
    lowest = (PER_DOUBLING + place) * width
    return Bin(lowest, lowest + width - 1)


def quantile(counts: Sequence[Count], percent: int) -> Bin | None:
    """The bin of the smallest answer that at least ``percent`` % are no longer than; None without answers.

    ``counts``: in the order of their bins, none twice.
    """
    whole = sum(count.answers for count in counts)
    rank = max(-(-whole * percent // 100), 1)  # nearest rank, from 1
    seen = 0
    for count in counts:
        seen += count.answers
        if seen >= rank:
            return tokens_of(count.bin)
    return None

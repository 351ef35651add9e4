"""Bins for milliseconds: exact below 32, then 16 to each doubling. Pure.

A bin stands for its middle, which is within a 33rd (3.03 %) of everything in it, but for rounding to a
millisecond. So a quantile read from bins is as near to the one of the durations themselves: no interpolation
could promise that, as nobody knows where in a bin they are.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

EXACT = 16
PER_DOUBLING = 16
PRECISION = "3 %"


class Bin(NamedTuple):
    """``shortest`` to ``longest`` milliseconds, inclusive."""

    shortest: int
    longest: int

    @property
    def middle(self) -> int:
        """As far from either end, in proportion (the harmonic mean); milliseconds."""
        ends = self.shortest + self.longest
        return (4 * self.shortest * self.longest + ends) // (2 * ends) if ends else 0


def bin_of(milliseconds: int) -> int:
    """The same as metering_latency_bin in SQL."""
    if milliseconds < EXACT:
        return milliseconds
    octave = milliseconds.bit_length() - 5
    return octave * PER_DOUBLING + (milliseconds >> octave)


def milliseconds_of(number: int) -> Bin:
    if number < EXACT:
        return Bin(number, number)
    octave, place = divmod(number - EXACT, PER_DOUBLING)
    shortest = (PER_DOUBLING + place) << octave
    return Bin(shortest, shortest + (1 << octave) - 1)


def quantiles(answers: Mapping[int, int], per_mille: Sequence[int]) -> list[int]:
    """For each share the middle of the bin that has the least duration which so many answers did not exceed
    (the nearest rank, as percentile_disc has it).

    ``answers``: how many are in each bin, one at least. ``per_mille``: ascending.
    """
    whole = sum(answers.values())
    found: list[int] = []
    seen = 0
    for number in sorted(answers):
        seen += answers[number]
        while len(found) < len(per_mille) and seen * 1000 >= whole * per_mille[len(found)]:
            found.append(milliseconds_of(number).middle)
    return found

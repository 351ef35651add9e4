"""What OpenAI's models take, read off their ids.

An id that names no generation we know (an alias, a fine-tuned base) is taken for one that takes everything:
the vendor then refuses in its own words.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_GPT = re.compile(r"gpt-(?P<major>\d+)(?:\.(?P<minor>\d+))?")
_O_SERIES = re.compile(r"(?:^|[/:])o\d")
# Served on /responses alone.
_ONLY_RESPONSES = re.compile(r"-pro\b|codex|deep-research|computer-use")

LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# Budgets of tokens by the level that spends about as much; the same steps as in ``anthropic.effort``.
_BUDGETS = ((4_096, "low"), (16_384, "medium"))


@dataclass(frozen=True, slots=True)
class Model:
    """A generation. ``thinks``: o-series and gpt-5 and later, without those made for chat."""

    version: tuple[int, int]
    thinks: bool
    only_responses: bool

    @property
    def levels(self) -> tuple[str, ...]:
        """The efforts that the model knows, least first; empty when it does not think."""
        if not self.thinks:
            return ()
        if self.version < (5, 0):
            return ("low", "medium", "high")
        if self.version < (5, 1):
            return ("minimal", "low", "medium", "high")
        return ("none", "low", "medium", "high") + (("xhigh",) if self.version >= (5, 2) else ())

    def effort(self, asked: str) -> str:
        """The level nearest to ``asked`` from below, else the least; "none" only for "none". Empty when the
        model does not think."""
        rank = LEVELS.index(asked) if asked in LEVELS else LEVELS.index("medium")
        known = [level for level in self.levels if level != "none" or asked == "none"]
        least = known[0] if known else ""
        return next((level for level in reversed(known) if LEVELS.index(level) <= rank), least)

    def needs_responses(self, *, tools: bool, effort: str) -> bool:
        """Whether /chat/completions refuses such a call : function tools beside thinking, from
        gpt-5.4 when an effort is named, from gpt-5.6 unless it is "none"."""
        if self.only_responses:
            return True
        if not tools or effort == "none":
            return False
        return self.version >= (5, 6) or (self.version >= (5, 4) and bool(effort))


@lru_cache(maxsize=1024)
def model_from(name: str) -> Model:
    """Read an upstream id such as ``gpt-5.6-luna``, ``o4-mini`` or ``gpt-4o-2024-08-06``."""
    found = _GPT.search(name)
    version = (int(found["major"]), int(found["minor"] or 0)) if found else (0, 0)
    thinks = bool(_O_SERIES.search(name)) or (version >= (5, 0) and "-chat" not in name)
    return Model(version, thinks, _ONLY_RESPONSES.search(name) is not None)


def level_of(budget: int) -> str:
    """The effort that thinks about as long as a budget of tokens allows."""
    return next((level for bound, level in _BUDGETS if budget < bound), "high")

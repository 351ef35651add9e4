"""What each Claude family accepts, read off the model's id."""

import re
from dataclasses import dataclass

_CURRENT = re.compile(r"claude-(?P<family>[a-z]+)-(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?(?!\d)")
_OLD = re.compile(r"claude-(?P<major>\d)(?:[-.](?P<minor>\d))?(?:-(?P<family>[a-z]+))?(?!\d)")

# Families that cannot stop thinking, from this version on; and those that can only between tool calls.
_ALWAYS_THINKING = {"opus": (5, 5), "fable": (5, 1)}
_THINKS_BETWEEN_TOOLS = {"sonnet": (5, 5)}
_UNFORCED = {**_ALWAYS_THINKING, **_THINKS_BETWEEN_TOOLS}


@dataclass(frozen=True, slots=True)
class Model:
    """A family and its version; an id that names none (an alias) is taken for the newest."""

    family: str
    version: tuple[int, int]

    @property
    def thinks(self) -> bool:
        return self.version >= (3, 7)

    @property
    def takes_sampling(self) -> bool:
        """Temperature, top_p and top_k. From 4.7 on only the defaults are accepted."""
        return self.version < (4, 7)

    @property
    def takes_both_samplings(self) -> bool:
        return self.version < (4, 5)

    @property
    def takes_prefill(self) -> bool:
        return self.version < (4, 6)

    @property
    def adaptive(self) -> bool:
        """Thinks by effort; earlier models think by a budget of tokens."""
        return self.version >= (4, 6)

    @property
    def takes_budget(self) -> bool:
        """Thinks by a budget of tokens; 4.6 knows both ways."""
        return self.thinks and self.version < (4, 7)

    @property
    def structured(self) -> bool:
        """Holds an answer or a tool's input to a schema (``output_config.format``, ``strict``)."""
        return self.version >= (4, 5)

    @property
    def forces_tools(self) -> bool:
        """Whether a call of a tool may be demanded; models that always think refuse that."""
        return not self._from(_UNFORCED)

    @property
    def efforts(self) -> tuple[str, ...]:
        efforts = ("low", "medium", "high", "xhigh", "max")
        return efforts if self.version >= (4, 7) else tuple(effort for effort in efforts if effort != "xhigh")

    @property
    def thinking_off(self) -> dict[str, str] | None:
        """How to ask for no thinking; None where the model always thinks."""
        if self._from(_ALWAYS_THINKING):
            return None
        return {"type": "between_tools" if self._from(_THINKS_BETWEEN_TOOLS) else "disabled"}

    def _from(self, versions: dict[str, tuple[int, int]]) -> bool:
        since = versions.get(self.family)
        return since is not None and self.version >= since


def model_from(name: str) -> Model:
    """Read an upstream id such as ``claude-sonnet-4-5-20250929`` or ``claude-3-haiku-20240307``."""
    match = _CURRENT.search(name) or _OLD.search(name)
    if match is None:
        return Model("", (99, 0))
    return Model(match["family"] or "", (int(match["major"]), int(match["minor"] or 0)))

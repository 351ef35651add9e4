"""How much thinking a caller of another dialect wants, in OpenAI's levels."""

from proxy.adapters.openai import models
from proxy.interchange.conversation import ThinkingAsked

# What compatible vendors know of OpenAI's levels.
_COMPATIBLE = {"minimal": "low", "xhigh": "high", "max": "high"}


def asked(thinking: ThinkingAsked, model: models.Model) -> str:
    """The level to send to one of OpenAI's models: the nearest that it knows; empty: as the model likes."""
    if thinking.effort:
        return model.effort(thinking.effort)
    return model.effort(models.level_of(thinking.budget)) if thinking.budget is not None else ""


def asked_compatible(thinking: ThinkingAsked) -> str:
    """The level for another vendor: only one that the caller named, as many models refuse the field."""
    if thinking.mode == "off":
        return ""  # what most models do unasked
    return _COMPATIBLE.get(thinking.effort, thinking.effort)


def is_lost(thinking: ThinkingAsked, *, told: bool) -> bool:
    """Whether the caller asked for thinking; ``told``: the vendor knows, or thinks anyway."""
    asked = thinking.budget is not None or thinking.mode in ("adaptive", "budget")
    return not told and (asked or thinking.effort not in ("", "none"))

"""How much a Gemini model thinks (wire.md d.2).

Gemini 3 and later think by level, 2.5 by a budget of tokens; sending both is an error.
"""

import re
from typing import Any

from proxy.adapters.base import UnsupportedField
from proxy.adapters.gemini.rules import VENDOR
from proxy.interchange.conversation import Conversation, ThinkingAsked

# The budgets for 2.5 are those that other gateways use; more than high is the most that we know of.
BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
BUDGETS |= {"xhigh": BUDGETS["high"], "max": BUDGETS["high"]}
DYNAMIC = -1

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_NO_MINIMAL_SINCE = (3, 7)  # 3.7 and 3.8 Flash know low, medium and high; so do the Pro models
_RANGES = {"pro": (128, 32_768), "flash-lite": (512, 24_576), "flash": (1, 24_576)}  # tokens, Gemini 2.5

NEWEST = (99, 0)


def version_of(model: str) -> tuple[int, int]:
    """The version in a model's id; an alias such as ``gemini-flash-latest`` is taken for the newest."""
    match = _VERSION.search(model)
    return (int(match[1]), int(match[2] or 0)) if match else NEWEST


def thinking_for(conversation: Conversation, model: str) -> dict[str, Any]:
    """``thinkingConfig``; empty when the caller set nothing. Raises UnsupportedField.

    Who says how much to think is shown the thoughts, too, unless they asked not to be: they cost the same.
    """
    asked = conversation.settings.thinking
    try:
        config = _config(asked, model)
    except ValueError as error:
        field = conversation.name_of("thinking")
        raise UnsupportedField(field=field, vendor=VENDOR, reason=str(error)) from error
    return {**config, "includeThoughts": True} if _shown(asked, model) else config


def cannot_stop(asked: ThinkingAsked, model: str) -> bool:
    """Whether the caller turned thinking off as Anthropic's callers do, and this model always thinks.

    They mean Anthropic's default by it, and their clients write it into every small request, so it is not
    refused: the model thinks as little as it can, and the response header says that the wish was dropped.
    """
    return asked.mode == "off" and _always_thinks(model)


def _config(asked: ThinkingAsked, model: str) -> dict[str, Any]:
    """Raises ValueError with the reason."""
    if asked.effort and asked.effort not in BUDGETS:
        raise ValueError(f"gemini knows {', '.join(BUDGETS)}, not {asked.effort!r}")
    version = version_of(model)
    if version < (2, 5):
        return _without_thinking(asked)
    if asked.effort == "none" and asked.mode != "off" and _always_thinks(model):
        raise ValueError("this model always thinks")
    return _by_level(asked, model) if version >= (3, 0) else _by_budget(asked, model)


def _shown(asked: ThinkingAsked, model: str) -> bool:
    if asked.mode == "off" or asked.effort == "none" or version_of(model) < (2, 5):
        return False
    said = asked.effort or asked.mode or asked.budget is not None
    return bool(said) if asked.shown is None else asked.shown


def _always_thinks(model: str) -> bool:
    version = version_of(model)
    return version >= (3, 0) or (version == (2, 5) and "pro" in model)


def _without_thinking(asked: ThinkingAsked) -> dict[str, Any]:
    if asked.effort not in ("", "none") or asked.budget is not None:
        raise ValueError("this model does not think")
    return {}


def _by_level(asked: ThinkingAsked, model: str) -> dict[str, Any]:
    effort = "minimal" if asked.mode == "off" else asked.effort or _effort_of(asked.budget)
    return {"thinkingLevel": _level(effort, model)} if effort else {}


def _effort_of(budget: int | None) -> str:
    """The least effort whose budget on 2.5 holds this one."""
    if budget is None:
        return ""
    efforts = ("minimal", "low", "medium", "high")
    return next((effort for effort in efforts if budget <= BUDGETS[effort]), "high")


def _level(effort: str, model: str) -> str:
    version, pro = version_of(model), "pro" in model
    if effort in ("xhigh", "max"):
        return "high"
    if effort == "medium" and pro and version == (3, 0):  # it knows low and high
        return "high"
    if effort == "minimal" and (pro or version >= _NO_MINIMAL_SINCE):
        return "low"
    return effort


def _by_budget(asked: ThinkingAsked, model: str) -> dict[str, Any]:
    if asked.mode == "off" or asked.effort == "none":
        return {"thinkingBudget": _RANGES["pro"][0] if _always_thinks(model) else 0}
    budget = asked.budget if asked.budget is not None else BUDGETS.get(asked.effort)
    if budget is not None:
        return {"thinkingBudget": _within(budget, model)}
    return {"thinkingBudget": DYNAMIC} if asked.mode else {}


def _within(budget: int, model: str) -> int:
    """The budget that is nearest to the caller's among those that the model takes."""
    if budget == DYNAMIC:
        return budget
    family = next((family for family in _RANGES if family in model), "flash")
    least, most = _RANGES[family]
    return min(max(budget, least), most)

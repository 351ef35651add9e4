"""``reasoning_effort`` as Gemini's thinking settings (wire.md d.2).

Gemini 3 and later think by level, 2.5 by a budget of tokens; sending both is an error.
"""

import re
from collections.abc import Mapping
from typing import Any

from proxy.adapters.base import UnsupportedField

BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
LEVELS = ("minimal", "low", "medium", "high")

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_NO_MINIMAL_SINCE = (3, 7)  # 3.7 and 3.8 Flash know low, medium and high; so do the Pro models

NEWEST = (99, 0)


def version_of(model: str) -> tuple[int, int]:
    """The version in a model's id; an alias such as ``gemini-flash-latest`` is taken for the newest."""
    match = _VERSION.search(model)
    return (int(match[1]), int(match[2] or 0)) if match else NEWEST


def thinking_for(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """``thinkingConfig`` for the caller's effort; empty when it set none. Raises UnsupportedField."""
    effort = body.get("reasoning_effort")
    if effort is None:
        return {}
    if not isinstance(effort, str) or effort not in BUDGETS:
        raise _unsupported(f"gemini knows {', '.join(BUDGETS)}, not {effort!r}")
    version = version_of(model)
    if version >= (3, 0):
        return {"thinkingLevel": _level(effort, version, model)}
    if version < (2, 5):
        return _without_thinking(effort)
    if effort == "none" and "pro" in model:
        raise _unsupported("this model always thinks")
    return {"thinkingBudget": BUDGETS[effort]}


def _level(effort: str, version: tuple[int, int], model: str) -> str:
    if effort == "none":
        raise _unsupported("this model always thinks")
    if effort == "minimal" and (version >= _NO_MINIMAL_SINCE or "pro" in model):
        return "low"
    return effort


def _without_thinking(effort: str) -> dict[str, Any]:
    if effort != "none":
        raise _unsupported("this model does not think")
    return {}


def _unsupported(reason: str) -> UnsupportedField:
    return UnsupportedField(field="reasoning_effort", vendor="gemini", reason=reason)

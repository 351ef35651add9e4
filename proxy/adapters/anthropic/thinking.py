"""How much thinking the caller asked for, as Claude's settings (wire.md d.1)."""

from typing import Any

import msgspec

from proxy.adapters.anthropic.models import Model
from proxy.adapters.anthropic.rules import unsupported
from proxy.interchange.conversation import ThinkingAsked
from proxy.interchange.errors import UnsupportedField

# Budgets for models that think by budget: what other gateways and OpenAI's own levels suggest.
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 32_768}
SMALLEST_BUDGET = 1024
_SAME = {"minimal": "low"}
_DEFAULT_EFFORT = "high"  # what adaptive models do by themselves


class Thought(msgspec.Struct, frozen=True):
    """``setting`` is the request's ``thinking``, ``effort`` its ``output_config.effort``; empty: not sent."""

    setting: dict[str, Any] = {}
    effort: str = ""

    @property
    def on(self) -> bool:
        return self.setting.get("type") in ("enabled", "adaptive")

    @property
    def by_budget(self) -> bool:
        return self.setting.get("type") == "enabled"

    def off(self) -> "Thought":
        """The same without thinking: only models that think when asked need nothing more."""
        return Thought(effort=self.effort)


def thought_for(asked: ThinkingAsked, model: Model, max_tokens: int, name: str) -> Thought:
    """``name`` is the caller's word for the setting. Raises UnsupportedField with it."""
    if asked.effort == "none" or asked.mode == "off":
        return _off(model, name)
    if not (asked.effort or asked.budget or asked.mode):
        return _as_the_model_likes(asked, model)
    if asked.effort and asked.effort not in BUDGETS:
        raise unsupported(name, f"unknown effort {asked.effort!r}")
    if not model.thinks:
        raise unsupported(name, "this model does not think")
    if model.adaptive and not (asked.budget and model.takes_budget):
        return _adaptive(asked, model, name)
    return _budgeted(asked, max_tokens, name)


def _off(model: Model, name: str) -> Thought:
    if not model.adaptive:
        return Thought()  # these think only when asked to
    if model.thinking_off is None:
        raise unsupported(name, "this model always thinks")
    return Thought(setting=dict(model.thinking_off))


def _as_the_model_likes(asked: ThinkingAsked, model: Model) -> Thought:
    """Only models that think unasked have anything to show."""
    if asked.shown is None or model.version < (5, 5):
        return Thought()
    return Thought(setting={"type": "adaptive", **_display(asked)})


def _adaptive(asked: ThinkingAsked, model: Model, name: str) -> Thought:
    effort = asked.effort or (_effort_of(asked.budget) if asked.budget else "")
    level = _SAME.get(effort, effort)
    if level and level not in model.efforts:
        raise unsupported(name, f"this model knows {', '.join(model.efforts)}, not {level}")
    return Thought(setting={"type": "adaptive", **_display(asked)}, effort=level)


def _effort_of(budget: int) -> str:
    """The least effort whose usual budget is not below the caller's."""
    return next((effort for effort, usual in BUDGETS.items() if usual >= budget), "max")


def _budgeted(asked: ThinkingAsked, max_tokens: int, name: str) -> Thought:
    """A thinking budget within the ceiling, which includes thinking and is the gateway's promise to the
    team's budget: a quarter of it stays for the answer, unless the caller's own budget leaves less.
    """
    wanted = asked.budget or BUDGETS[asked.effort or _DEFAULT_EFFORT]
    affordable = max_tokens - 1 if asked.budget and asked.budget < max_tokens else max_tokens * 3 // 4
    budget = max(min(wanted, affordable), SMALLEST_BUDGET)
    if budget >= max_tokens:
        raise _no_room(max_tokens, name)
    return Thought(setting={"type": "enabled", "budget_tokens": budget, **_display(asked)})


def _no_room(max_tokens: int, name: str) -> UnsupportedField:
    return unsupported(name, f"thinking needs a max_tokens above {SMALLEST_BUDGET}, not {max_tokens}")


def _display(asked: ThinkingAsked) -> dict[str, str]:
    if asked.shown is None:
        return {}
    return {"display": "summarized" if asked.shown else "omitted"}

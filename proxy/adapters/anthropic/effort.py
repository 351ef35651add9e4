"""``reasoning_effort`` as Claude's thinking settings (wire.md d.1)."""

from collections.abc import Mapping
from typing import Any

from proxy.adapters.anthropic.models import Model
from proxy.adapters.base import UnsupportedField

# Budgets for models that think by budget: what other gateways and OpenAI's own levels suggest.
BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 32_768}
_SMALLEST_BUDGET = 1024
_SAME = {"minimal": "low"}


def thinking_for(body: Mapping[str, Any], model: Model, max_tokens: int) -> dict[str, Any]:
    """The request fields for the caller's effort; none when it set none. Raises UnsupportedField."""
    effort = body.get("reasoning_effort")
    if effort is None:
        return {}
    if effort == "none":
        return _off(model)
    if not isinstance(effort, str) or effort not in BUDGETS:
        raise _unsupported(f"unknown effort {effort!r}")
    if not model.thinks:
        raise _unsupported("this model does not think")
    return _adaptive(effort, model) if model.adaptive else _budgeted(effort, max_tokens)


def _off(model: Model) -> dict[str, Any]:
    if not model.adaptive:
        return {}  # these think only when asked to
    if model.thinking_off is None:
        raise _unsupported("this model always thinks")
    return {"thinking": model.thinking_off}


def _adaptive(effort: str, model: Model) -> dict[str, Any]:
    level = _SAME.get(effort, effort)
    if level not in model.efforts:
        raise _unsupported(f"this model knows {', '.join(model.efforts)}, not {effort}")
    return {"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}


def _budgeted(effort: str, max_tokens: int) -> dict[str, Any]:
    """A thinking budget within the ceiling, which includes thinking and is the gateway's promise to the
    team's budget: a quarter of it stays for the answer.
    """
    budget = max(min(BUDGETS[effort], max_tokens * 3 // 4), _SMALLEST_BUDGET)
    if budget >= max_tokens:
        raise _unsupported(f"thinking needs a max_tokens above {_SMALLEST_BUDGET}, not {max_tokens}")
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _unsupported(reason: str) -> UnsupportedField:
    return UnsupportedField(field="reasoning_effort", vendor="anthropic", reason=reason)

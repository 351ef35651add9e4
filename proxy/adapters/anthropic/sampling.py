"""Temperature, top_p and top_k, where the model takes them."""

from typing import Any

from proxy.adapters.anthropic.models import Model
from proxy.adapters.anthropic.rules import unsupported
from proxy.interchange.conversation import Conversation


def sampling_for(conversation: Conversation, model: Model, *, thinks: bool) -> dict[str, Any]:
    """The default, 1, is not sent where the model takes no other. Raises UnsupportedField."""
    settings = conversation.settings
    asked = {"temperature": settings.temperature, "top_p": settings.top_p}
    for name, value in asked.items():
        if value is not None and not 0 <= value <= 1:
            raise unsupported(conversation.name_of(name), "must be a number from 0 to 1")
    given = {name: value for name, value in asked.items() if value is not None}
    if not (model.takes_sampling and model.takes_both_samplings and not thinks):
        given = {name: value for name, value in given.items() if value != 1}
        _check(given, conversation, model, thinks=thinks)
    return given | _top_k(conversation, model, thinks=thinks)


def _check(given: dict[str, Any], conversation: Conversation, model: Model, *, thinks: bool) -> None:
    for name in given:
        if not model.takes_sampling:
            raise unsupported(conversation.name_of(name), "this model accepts only the default, 1")
        if thinks:
            raise unsupported(conversation.name_of(name), "must be 1 while the model thinks")
    if len(given) > 1:
        raise unsupported(conversation.name_of("top_p"), "this model accepts temperature or top_p, not both")


def _top_k(conversation: Conversation, model: Model, *, thinks: bool) -> dict[str, Any]:
    top_k = conversation.settings.top_k
    if top_k is None:
        return {}
    if not model.takes_sampling or thinks:
        reason = "cannot be set while the model thinks" if thinks else "this model has no top_k"
        raise unsupported(conversation.name_of("top_k"), reason)
    return {"top_k": top_k}

"""Which of this vendor's wires a call takes."""

from proxy.adapters.base import Target, UnsupportedField
from proxy.adapters.openai import effort, embeddings, models, token_counts
from proxy.adapters.openai.chat import passed as chat_passed
from proxy.adapters.openai.chat import written as chat_written
from proxy.adapters.openai.responses import passed as responses_passed
from proxy.adapters.openai.responses import written as responses_written
from proxy.adapters.openai.verbs import VENDOR, Verbs
from proxy.interchange.dialect import Call


def wire_for(call: Call, target: Target) -> Verbs:
    """The same for one call and target at every step. Raises UnsupportedField, InvalidField."""
    match call.dialect.name:
        case "chat":
            return responses_written.VERBS if _refused_on_chat(call, target) else chat_passed.VERBS
        case "responses":
            return responses_passed.VERBS if target.serves_responses else chat_written.VERBS
        case "embeddings":
            return embeddings.VERBS
        case "count_tokens":
            return _token_counts(target)
    return responses_written.VERBS if _refused_on_chat(call, target) else chat_written.VERBS


def _refused_on_chat(call: Call, target: Target) -> bool:
    """Whether OpenAI takes this call on /responses alone. See ``models.Model.needs_responses``."""
    if target.kind != "openai" or not target.serves_responses:
        return False
    model = models.model_from(target.model)
    if not model.needs_responses(tools=True, effort="high"):
        return False
    if call.dialect.name == "chat":
        body = call.body
        tools, asked = bool(body.get("tools") or body.get("functions")), body.get("reasoning_effort")
        return model.needs_responses(tools=tools, effort=asked if isinstance(asked, str) else "")
    conversation = call.conversation
    asked = effort.asked(conversation.settings.thinking, model)
    return model.needs_responses(tools=bool(conversation.tools), effort=asked)


def _token_counts(target: Target) -> Verbs:
    if target.kind == "openai" and target.serves_responses:
        return token_counts.VERBS
    raise UnsupportedField(field="model", vendor=VENDOR, reason="this vendor counts no tokens")

"""What goes together in one request: thinking, demanded tools and structured answers exclude each other in
part. See Note [Forced tools] in ``rules``."""

from collections.abc import Sequence
from typing import Any

import msgspec

from proxy.adapters.anthropic import content, formats, tools
from proxy.adapters.anthropic.models import Model
from proxy.adapters.anthropic.thinking import Thought, thought_for
from proxy.interchange.conversation import Conversation, Tool, ToolChoice, ToolResult, Turn


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``instruction`` is to be said at the conversation's end; ``dropped`` names what was given up."""

    thought: Thought
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None
    instruction: str = ""
    dropped: tuple[str, ...] = ()

    def without_thinking(self) -> "Plan":
        return msgspec.structs.replace(self, thought=self.thought.off(), dropped=(*self.dropped, "thinking"))


def plan_for(conversation: Conversation, turns: Sequence[Turn], model: Model, max_tokens: int) -> Plan:
    """Raises UnsupportedField, InvalidField."""
    asked, name = conversation.settings.thinking, conversation.name_of("thinking")
    plan = _with_tools(conversation, model, thought_for(asked, model, max_tokens, name))
    if plan.choice is not None and plan.choice.mode in ("required", "named"):
        plan = _demanding(plan, plan.choice, conversation, model)
    if plan.thought.by_budget and _lost_its_thinking(turns):
        plan = plan.without_thinking()
    return plan


def fields_of(plan: Plan, model: Model, *, parallel: bool | None) -> dict[str, Any]:
    """The request's ``tools`` and ``tool_choice``; without tools neither."""
    if not plan.tools:
        return {}
    fields: dict[str, Any] = {"tools": [tools.written(tool, model) for tool in plan.tools]}
    if choice := tools.written_choice(plan.choice, parallel=parallel):
        fields["tool_choice"] = choice
    return fields


def _with_tools(conversation: Conversation, model: Model, thought: Thought) -> Plan:
    """See Note [The answer as a tool's input] in ``formats``."""
    offered, choice = tools.offered(conversation), conversation.tool_choice
    loose = tuple("strict" for tool in offered if tool.strict and not tools.is_strict(tool, model))
    answer = formats.answer_tool(conversation, model)
    if answer is None:
        return Plan(thought=thought, tools=offered, choice=choice, dropped=loose)
    alone = not offered or (choice is not None and choice.mode == "none")
    demand = ToolChoice("named", answer.name) if alone else ToolChoice("required")
    return Plan(thought=thought, tools=(*offered, answer), choice=demand, dropped=loose)


def _demanding(plan: Plan, demand: ToolChoice, conversation: Conversation, model: Model) -> Plan:
    if model.forces_tools:
        return plan.without_thinking() if plan.thought.on else plan
    named = demand.mode == "named"
    by_caller = conversation.tool_choice is not None and conversation.tool_choice.mode == demand.mode
    which = f"the tool {demand.name}" if named else "one of the tools"
    return msgspec.structs.replace(
        plan,
        tools=tuple(tool for tool in plan.tools if tool.name == demand.name) if named else plan.tools,
        choice=ToolChoice("auto"),
        instruction=f"You must now call {which}; do not answer in text.",
        dropped=(*plan.dropped, conversation.name_of("tool_choice" if by_caller else "format")),
    )


def _lost_its_thinking(turns: Sequence[Turn]) -> bool:
    """Whether a tool loop is under way whose calls come back without the thinking that led to them.

    Models that think by budget would be refused then; see Note [Thinking goes back] in ``content``.
    """
    in_loop = len(turns) > 1 and any(isinstance(part, ToolResult) for part in turns[-1].parts)
    return in_loop and not content.begins_with_thinking(turns[-2])

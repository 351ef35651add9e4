"""What a stream used: the counts of its start and its deltas, and of several messages in one stream.

Until a ``message_delta`` has told the final counts, ``state.usage`` holds the input alone (the start's output
count is a placeholder that must never be priced) and ``state.flags`` says ``partial_usage``.

Another message may follow in the same stream (a fallback model's), even after a ``message_stop``: the caller
sees one answer, and both messages are billed.
"""

from collections.abc import Mapping
from typing import Any

from metering.usage import OTHER_MODEL, Part, Usage
from proxy.adapters.anthropic import finish, usage
from proxy.adapters.base import StreamState
from proxy.interchange import wire

MOST_MODELS = 21  # in one stream: the called one, and as many others as the ledger tells apart


class Bill:
    """Keeps ``state``'s usage, model, ids and finish as the events come."""

    def __init__(self, state: StreamState, target_model: str) -> None:
        self._state = state
        self._target_model = target_model
        self._usage: dict[str, Any] = {}
        self._message_id: str | None = None
        self._earlier: Usage | None = None  # what the messages before this one used
        self._earlier_parts: dict[str, Usage] = {}  # by the model's name, as ``Part.model``
        self._too_many = False  # models: nobody is told apart then, and the cost is unknown
        self._called = ""  # the name under which the called model answers
        self._flags: tuple[str, ...] = ()
        self._stop_reason: object = None

    def message_start(self, event: Mapping[str, Any]) -> None:
        """A start that repeats the message's id is the same message again; another id is another bill."""
        state = self._state
        message = wire.mapping(event.get("message"))
        message_id = wire.text(message.get("id"))
        model = wire.text(message.get("model")) or self._target_model
        if self._message_id not in (None, message_id):
            self._splice(model)
        self._message_id = message_id
        self._usage = dict(wire.mapping(message.get("usage")))
        self._stop_reason = None
        self._called = self._called or model
        state.model, state.complete = model, False
        state.ended = False
        state.upstream_id = state.upstream_id or message_id
        self._count(final=False)

    def message_delta(self, event: Mapping[str, Any]) -> None:
        delta = wire.mapping(event.get("delta"))
        self._stop_reason = delta.get("stop_reason") or self._stop_reason
        self._state.stop_sequence = wire.text(delta.get("stop_sequence")) or self._state.stop_sequence
        told = wire.mapping(event.get("usage"))
        self._usage = usage.merged(self._usage, told)
        self._count(final="output_tokens" in told)

    def message_stop(self) -> None:
        state = self._state
        state.finish_reason, flags = finish.finish_reason_from(self._stop_reason)
        state.native_finish = wire.text(self._stop_reason)
        state.flags += flags
        state.complete = state.ended = True

    def _splice(self, model: str) -> None:
        state = self._state
        parts, self._earlier_parts = self._parts(), {}
        for part in parts:
            earlier = self._earlier_parts.get(part.model, Usage())
            self._earlier_parts[part.model] = earlier.plus(part.usage)
        self._too_many = self._too_many or len(self._earlier_parts) > MOST_MODELS
        self._earlier = state.usage
        flags = ("spliced_message",) if model == state.model else ("spliced_message", OTHER_MODEL)
        self._flags = tuple(dict.fromkeys(self._flags + flags))

    def _count(self, *, final: bool) -> None:
        state = self._state
        told = self._usage
        if not final and "output_tokens" in told:
            told = {**told, "output_tokens": 0}
        counts, flags = usage.usage_from(told, state.model)
        state.variant, tier_flags = usage.variant_from(told)
        state.service_tier = finish.service_tier_from(told.get("service_tier"))
        partial: tuple[str, ...] = ()
        if counts is not None:
            state.usage = counts if self._earlier is None else usage.sum_of(self._earlier, counts)
            state.raw_usage = self._usage
            partial = () if final else ("partial_usage",)
        state.flags = tuple(dict.fromkeys(self._flags + flags + tier_flags + partial))
        state.parts = self._parts() if OTHER_MODEL in state.flags else ()

    def _parts(self) -> tuple[Part, ...]:
        """Whose the tokens so far are: the iterations', or each message's model's. None of too many."""
        if self._too_many:
            return ()
        before = tuple(Part(name, share) for name, share in self._earlier_parts.items())
        told = usage.parts_from(self._usage, self._state.model)
        if told:
            return (*before, *told)
        counts = self._state.usage
        if counts is None:
            return before
        own = counts.less(self._earlier) if self._earlier is not None else counts
        name = self._state.model
        return (*before, Part("" if name == self._called else name, own))

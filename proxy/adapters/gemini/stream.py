"""Gemini's chunks, told to the caller's writer (wire.md d.4)."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from proxy.adapters import faults
from proxy.adapters.base import Target
from proxy.adapters.events import EventReader
from proxy.adapters.gemini import errors, finish, grounding, logprobs, response, usage
from proxy.adapters.gemini.parts import LeftOut, PartReader, Said, Thought
from proxy.interchange import wire
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.dialect import Call
from proxy.interchange.writing import StreamWriter
from proxy.sse import SSEEvent

_decode = msgspec.json.decode


class Reader(EventReader):
    """Reads one vendor stream; see ``base.ChunkReader``.

    Gemini may tell a finish reason and go on, so the finish is written by ``close``. Every chunk's usage is a
    running total: the last one counts, and before a finish reason it is a lower bound (flag
    ``partial_usage``).
    """

    def __init__(self, call: Call, target: Target) -> None:
        super().__init__()
        self._one_call = response.wants_one_call(call)
        self._target_model = target.model
        self._writer = call.dialect.writer(self.state, call)
        self._candidates: dict[int, _Candidate] = {}
        self._searches: dict[int, int] = {}  # by candidate; a later chunk has at least those of an earlier
        self._usage_flags: tuple[str, ...] = ()

    def close(self) -> list[bytes]:
        frames = [frame for candidate in self._candidates.values() for frame in candidate.sources()]
        for index, candidate in self._candidates.items():
            if index:
                self._writer.finish(candidate.finish, choice=index)
        return [*frames, *self._writer.close()]

    def _read(self, event: SSEEvent) -> list[bytes]:
        if not event.data:
            return self._writer.heartbeat()
        chunk = _chunk(event.data)
        found = response.candidates_in(chunk)
        self._open_stream(chunk)
        self._bill(chunk, found)
        frames = self._writer.start()
        for given in found:
            frames += self._candidate(response.index_of(given)).read(given)
        self._finish(finish.block_reason(chunk) if not found else "")
        return frames

    def _candidate(self, index: int) -> "_Candidate":
        if index not in self._candidates:
            prefix = response.call_prefix(self.state.upstream_id, index)
            reader = PartReader(prefix, one_call=self._one_call)
            self._candidates[index] = _Candidate(index, reader, self._writer)
        return self._candidates[index]

    def _open_stream(self, chunk: Mapping[str, Any]) -> None:
        state = self.state
        state.model = wire.text(chunk.get("modelVersion")) or state.model or self._target_model
        state.upstream_id = state.upstream_id or wire.text(chunk.get("responseId"))

    def _bill(self, chunk: Mapping[str, Any], found: Iterable[Mapping[str, Any]]) -> None:
        """Before anything is written: some dialects tell the input's tokens first."""
        state = self.state
        raw = chunk.get("usageMetadata")
        for given in found:
            index, searches = response.index_of(given), usage.searches_in(given, state.model)
            self._searches[index] = max(self._searches.get(index, 0), searches)
        counts, flags = usage.usage_from(raw)
        if counts is not None:
            state.usage, state.raw_usage, self._usage_flags = counts, raw, flags
        state.usage = response.with_searches(state.usage, sum(self._searches.values()))
        variant, tier_flags = usage.variant_from(raw)
        self._usage_flags = tuple(dict.fromkeys(self._usage_flags + tier_flags))
        state.variant = variant
        state.service_tier = response.tier_word(raw, variant) or state.service_tier

    def _finish(self, blocked: str) -> None:
        """The stream is complete when every answer that began has ended."""
        state = self.state
        candidates = list(self._candidates.values())
        first = self._candidates.get(0)
        if first is not None and first.finish:
            state.finish_reason, state.native_finish = first.finish, first.native
        elif blocked:
            state.finish_reason, state.native_finish = "content_filter", blocked
        state.complete = bool(state.finish_reason) and all(candidate.finish for candidate in candidates)
        told = tuple(flag for candidate in candidates for flag in candidate.flags)
        partial = () if state.complete or state.usage is None else ("partial_usage",)
        state.flags = tuple(dict.fromkeys(self._usage_flags + told + partial))


class _Candidate:
    """One of the answers in a stream. ``finish`` is empty until the vendor told how it ended."""

    def __init__(self, index: int, reader: PartReader, writer: StreamWriter) -> None:
        self.finish = ""
        self.native = ""
        self._finish_flags: tuple[str, ...] = ()
        self._noted: dict[str, None] = {}
        self._index = index
        self._reader = reader
        self._writer = writer
        self._told_calls = 0
        self._pieces: list[str] = []  # of the text, for the sources' places in it
        self._grounding: object = None

    @property
    def flags(self) -> tuple[str, ...]:
        return self._finish_flags + tuple(self._noted)

    def read(self, candidate: Mapping[str, Any]) -> list[bytes]:
        """What one chunk says of this answer. Raises VendorError when the account was disabled."""
        said = [each for part in response.parts_of(candidate) for each in self._reader.read(part)]
        native = finish.native_of(candidate.get("finishReason"))
        if native:
            said += self._reader.end()
            self.native = native
            self.finish, self._finish_flags = finish.finish_from(native, called_tools=self._reader.calls > 0)
        self._grounding = candidate.get("groundingMetadata") or self._grounding
        self._noted |= dict.fromkeys(usage.unpriced_in(candidate))
        frames = [frame for each in said for frame in self._tell(each)]
        probabilities = logprobs.logprobs_of(candidate)
        return (
            [*frames, *self._writer.logprobs(probabilities, choice=self._index)] if probabilities else frames
        )

    def sources(self) -> list[bytes]:
        """The sources of the whole text: the last chunks tell them, and where they stand in it."""
        notes = grounding.annotations_of(self._grounding, "".join(self._pieces))
        return self._writer.annotations(notes, choice=self._index)

    def _tell(self, said: Said) -> list[bytes]:
        writer, choice = self._writer, self._index
        match said:
            case Text():
                self._pieces.append(said.text)
                signed = writer.text_signature(said.signature, choice=choice)
                return [*writer.text(said.text, choice=choice), *signed]
            case Thought():
                return writer.thoughts(said.text, choice=choice)
            case Thinking():
                return writer.thinking_ends(said, choice=choice)
            case ToolUse():
                return self._tell_call(said)
            case LeftOut():
                self._noted[response.flag_of(said)] = None
                return []

    def _tell_call(self, use: ToolUse) -> list[bytes]:
        writer, choice, number = self._writer, self._index, self._told_calls
        self._told_calls += 1
        return [
            *writer.tool_call(number, call_id=use.id, name=use.name, signature=use.signature, choice=choice),
            *writer.arguments(number, use.arguments, choice=choice),
            *writer.tool_call_ends(number, choice=choice),
        ]


def _chunk(data: bytes) -> Mapping[str, Any]:
    """Raises VendorError for an event that cannot be read, or is an error."""
    try:
        chunk = _decode(data)
    except wire.UNREADABLE as reason:
        raise faults.malformed(f"an event is not JSON: {reason}") from None
    if response.in_error(chunk):
        raise errors.in_band(chunk)
    if not isinstance(chunk, dict):
        raise faults.malformed("an event is not an object")
    return chunk

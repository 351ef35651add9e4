"""generateContent answers, whole and as a stream."""

from proxy.sandbox import answers, logprobs, wire
from proxy.sandbox.ask import Json
from proxy.sandbox.gemini_wire import event, in_stream_error
from proxy.sandbox.profiles import facts, tokens_in
from proxy.sandbox.signatures import signed
from proxy.sandbox.wire import Frame, Reply

__all__ = ["HEARTBEAT", "array_frames", "frames", "in_stream_error", "tier", "whole"]

# There is no reason of its own for a function call.
FINISH = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tool": "STOP",
    "refusal": "SAFETY",
    "filter": "SAFETY",
}
HEARTBEAT = b""  # this vendor sends none
HARM = {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}


def tier(reply: Reply) -> str:
    """The service tier that is served."""
    return reply.knobs.service_tier or reply.ask.tier or "standard"


def usage(reply: Reply, *, visible: int | None = None) -> Json:
    """Thoughts are beside the candidates, not in them; a count of zero is absent.

    ``visible`` is the running count of a chunk; the final one by default.
    """
    answer = reply.answer
    candidates = answer.output_tokens if visible is None else visible
    counted: Json = {"promptTokenCount": answer.input_tokens}
    if candidates:
        counted["candidatesTokenCount"] = candidates
    counted["totalTokenCount"] = answer.input_tokens + candidates + answer.reasoning_tokens
    if answer.cache.read:
        counted["cachedContentTokenCount"] = answer.cache.read
        counted["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": answer.cache.read}]
    counted["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": answer.input_tokens}]
    if answer.reasoning_tokens:
        counted["thoughtsTokenCount"] = answer.reasoning_tokens
    counted["serviceTier"] = tier(reply)
    return counted


def whole(reply: Reply) -> tuple[bytes, Json | None]:
    """A ``GenerateContentResponse`` and the usage in it."""
    reported = wire.merged(usage(reply), reply.knobs)
    parts = _thoughts(reply) + _text(reply) + _calls(reply)
    return wire.encode(_response(reply, parts, reply.answer.finish, reported)), reported


def _text(reply: Reply) -> list[Json]:
    return [{"text": reply.answer.text, **_text_signature(reply)}] if reply.answer.text else []


def frames(reply: Reply) -> list[Frame]:
    """One response per piece; each has the running usage, the last one the finish reason."""
    return [
        Frame(event(payload), content, payload.get("usageMetadata")) for payload, content in _responses(reply)
    ]


def array_frames(reply: Reply) -> list[Frame]:
    """The same stream as one JSON array: what the vendor sends without ``?alt=sse``."""
    made = []
    responses = _responses(reply)
    for index, (payload, content) in enumerate(responses):
        before = b"[" if index == 0 else b",\r\n"
        after = b"]" if index == len(responses) - 1 else b""
        made.append(Frame(before + wire.encode(payload) + after, content, payload.get("usageMetadata")))
    return made


def _responses(reply: Reply) -> list[tuple[Json, bool]]:
    answer = reply.answer
    made = [(_running(reply, [thought], 0), False) for thought in _thoughts(reply)]
    seen = 0
    for piece in answer.pieces:
        seen += len(piece)
        visible = answer.output_tokens * seen // len(answer.text)
        made.append((_running(reply, [{"text": piece}], visible, piece), True))
    made += [(_running(reply, [part], tokens_in(str(part))), True) for part in _calls(reply)]
    final = wire.merged(usage(reply), reply.knobs)
    # The vendor closes with an empty text; there are no parts at all when only thoughts came.
    closing = [{"text": "", **_text_signature(reply)}] if made else []
    made.append((_response(reply, closing, answer.finish, final, ""), False))
    return made


def _running(reply: Reply, parts: list[Json], visible: int, piece: str = "") -> Json:
    counted = usage(reply, visible=min(visible, reply.answer.output_tokens))
    return _response(reply, parts, None, wire.merged(counted, reply.knobs), piece)


def _response(
    reply: Reply, parts: list[Json], finish: str | None, reported: Json | None, piece: str | None = None
) -> Json:
    """One response; ``piece`` is the text in it when it is one of a stream."""
    body: Json = {"modelVersion": reply.ask.model, "responseId": reply.ident}
    if finish == "blocked":
        body["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    else:
        body["candidates"] = _candidates(reply, parts, finish, piece)
    if reported is not None:
        body["usageMetadata"] = reported
    return body


def _candidates(reply: Reply, parts: list[Json], finish: str | None, piece: str | None) -> list[Json]:
    candidate: Json = {"content": {"parts": parts, "role": "model"} if parts else {"role": "model"}}
    if finish:
        candidate["finishReason"] = FINISH[finish]
    if finish in ("refusal", "filter"):
        candidate["safetyRatings"] = [HARM]
    pieces = reply.answer.pieces if piece is None else [piece]
    if reply.ask.top_logprobs is not None and any(pieces):
        candidate["avgLogprobs"] = logprobs.CHOSEN
        candidate["logprobsResult"] = logprobs.gemini(pieces, reply.ask.top_logprobs)
    return [{**candidate, "index": index} for index in range(reply.ask.n)]


def _thoughts(reply: Reply) -> list[Json]:
    shown = reply.ask.show_thoughts and reply.answer.reasoning_tokens
    return [{"text": answers.THOUGHT, "thought": True}] if shown else []


def _is_signed(reply: Reply) -> bool:
    return facts("gemini", reply.ask.model).version >= (3, 0)


def _text_signature(reply: Reply) -> Json:
    """Thoughts behind an answer without calls are signed too, on its last part."""
    is_signed = _is_signed(reply) and reply.answer.reasoning_tokens and not reply.answer.calls
    return {"thoughtSignature": signed("text", "", reply.ident)} if is_signed else {}


def _calls(reply: Reply) -> list[Json]:
    parts: list[Json] = []
    for index, call in enumerate(reply.answer.calls):
        made: Json = {"name": call.name, "args": call.arguments}
        if not call.arguments and reply.knobs.no_arguments in ("omit", "empty"):
            del made["args"]
        part: Json = {"functionCall": made}
        if _is_signed(reply):
            made["id"] = f"fc_{reply.ident}{index}"
            if index == 0:
                part["thoughtSignature"] = signed("call", call.name, reply.ident)
        parts.append(part)
    return parts

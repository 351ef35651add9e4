"""Chat completions, whole and as chunks."""

import time

from proxy.sandbox import answers, logprobs, wire
from proxy.sandbox.ask import Json
from proxy.sandbox.openai_rules import is_own
from proxy.sandbox.openai_wire import in_stream_error
from proxy.sandbox.profiles import facts
from proxy.sandbox.wire import Frame, Reply

__all__ = ["HEARTBEAT", "frames", "in_stream_error", "tier", "whole"]

FINISH = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool": "tool_calls",
    "refusal": "stop",
    "filter": "content_filter",
}
HEARTBEAT = b": keep-alive\n\n"
TIERS = {"fast": "priority", "priority": "priority", "flex": "flex", "scale": "scale"}


def usage(reply: Reply) -> Json | None:
    """Inclusive counts: the prompt holds cached tokens, the completion holds reasoning."""
    answer = reply.answer
    completion = answer.output_tokens + answer.reasoning_tokens
    prompt_details = {"cached_tokens": answer.cache.read, "audio_tokens": 0}
    if facts("openai", reply.ask.model).version >= (5, 6):
        prompt_details["cache_write_tokens"] = answer.cache.write_5m
    completion_details = {"reasoning_tokens": answer.reasoning_tokens, "audio_tokens": 0}
    completion_details |= {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    counted = {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": completion,
        "total_tokens": answer.input_tokens + completion,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": completion_details,
    }
    return wire.merged(counted, reply.knobs)


def tier(reply: Reply) -> str:
    """The tier that is served for the one asked for."""
    return reply.knobs.service_tier or TIERS.get(reply.ask.tier or "", "default")


def whole(reply: Reply) -> tuple[bytes, Json | None]:
    """A ``chat.completion`` and the usage in it."""
    reported = usage(reply)
    body = _envelope(reply, "chat.completion")
    choice = {
        "message": _message(reply),
        "logprobs": _logprobs(reply, reply.answer.pieces),
        "finish_reason": FINISH[reply.answer.finish],
    }
    body["choices"] = [{"index": index, **choice} for index in range(reply.ask.n)]
    if reported is not None:
        body["usage"] = reported
    return wire.encode(body), reported


def frames(reply: Reply) -> list[Frame]:
    """``chat.completion.chunk`` events, the usage chunk when it was asked for, and ``[DONE]``."""
    base = _envelope(reply, "chat.completion.chunk")
    if reply.ask.include_usage:
        base["usage"] = None
    made: list[Frame] = []
    for index in range(reply.ask.n):
        made += _choice_frames(base, index, reply)
    finish = FINISH[reply.answer.finish]
    made += [_chunk(base, index, {}, finish=finish) for index in range(reply.ask.n)]
    reported = usage(reply) if reply.ask.include_usage else None
    if reported is not None:
        made.append(Frame(wire.data_frame({**base, "choices": [], "usage": reported}), usage=reported))
    made.append(Frame(b"data: [DONE]\n\n"))
    return made


def _choice_frames(base: Json, index: int, reply: Reply) -> list[Frame]:
    """The chunks of one choice but for its finish."""
    answer = reply.answer
    opening = None if answer.calls and not answer.text else ""
    made = [_chunk(base, index, {"role": "assistant", "content": opening, "refusal": None})]
    made += [_chunk(base, index, {"reasoning_content": piece}) for piece in answers.cut(_thought(reply), 2)]
    member = "refusal" if answer.finish == "refusal" else "content"
    made += [
        _chunk(base, index, {member: piece}, logprobs=_logprobs(reply, [piece]), content=True)
        for piece in answer.pieces
    ]
    made += [_chunk(base, index, delta, content=True) for delta in _call_deltas(reply)]
    return made


def _envelope(reply: Reply, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{reply.ident}",
        "object": kind,
        "created": int(time.time()),
        "model": reply.ask.model,
        "service_tier": tier(reply),
        "system_fingerprint": "fp_sandbox",
    }


def _message(reply: Reply) -> Json:
    answer = reply.answer
    content = None if answer.calls and not answer.text else answer.text
    message: Json = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    if answer.finish == "refusal":
        message |= {"content": None, "refusal": answer.text}
    if thought := _thought(reply):
        message["reasoning_content"] = thought
    if answer.calls:
        message["tool_calls"] = [_call(reply, index) for index in range(len(answer.calls))]
    return message


def _thought(reply: Reply) -> str:
    """OpenAI shows none here; the compatible vendors do."""
    is_shown = reply.answer.reasoning_tokens and not is_own(reply.ask.model)
    return answers.THOUGHT if is_shown else ""


def _logprobs(reply: Reply, pieces: list[str]) -> Json | None:
    if reply.ask.top_logprobs is None or reply.answer.finish == "refusal":
        return None
    return {"content": logprobs.openai(pieces, reply.ask.top_logprobs), "refusal": None}


def _call(reply: Reply, index: int) -> Json:
    call = reply.answer.calls[index]
    function: Json = {"name": call.name}
    arguments = wire.arguments(call, reply.knobs)
    if arguments is not None:
        function["arguments"] = arguments
    return {"id": f"call_{reply.ident}{index}", "type": "function", "function": function}


def _call_deltas(reply: Reply) -> list[Json]:
    parallel: list[list[Json]] = []
    for index in range(len(reply.answer.calls)):
        call = _call(reply, index)
        arguments = call["function"].get("arguments")
        if arguments is not None:
            call["function"]["arguments"] = ""
        pieces = answers.cut(arguments or "", reply.knobs.argument_chunks)
        deltas = [{"tool_calls": [{**call, "index": index}]}]
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces]
        parallel.append(deltas)
    return wire.woven(parallel, reply.knobs)


def _chunk(
    base: Json,
    index: int,
    delta: Json,
    *,
    finish: str | None = None,
    logprobs: Json | None = None,
    content: bool = False,
) -> Frame:
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    return Frame(wire.data_frame({**base, "choices": [choice]}), content)

"""From a parsed request to an answer that is ready to be sent. Pure: nothing here waits or writes."""

from types import ModuleType
from typing import NamedTuple

from proxy.sandbox import (
    answers,
    anthropic_requests,
    anthropic_wire,
    embeddings,
    gemini_requests,
    gemini_wire,
    openai_requests,
    openai_wire,
    responses_requests,
    responses_wire,
    routing,
    wire,
)
from proxy.sandbox.ask import Ask, Json, Refused
from proxy.sandbox.caching import PrefixCache
from proxy.sandbox.control import Knobs
from proxy.sandbox.routing import Route
from proxy.sandbox.wire import Frame, Reply

VENDORS: dict[str, ModuleType] = {"openai": openai_wire, "anthropic": anthropic_wire, "gemini": gemini_wire}
# What reading a request of the wrong shape raises: a list where an object belongs, a missing member.
MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError, IndexError)


class Job(NamedTuple):
    """A request that was let in."""

    route: Route
    body: Json
    headers: dict[bytes, bytes]
    query: bytes
    knobs: Knobs
    ident: str


class Prepared(NamedTuple):
    """An answer: a body and the usage in it, or the events of a stream and the one that would break it."""

    body: bytes = b""
    usage: Json | None = None
    frames: list[Frame] | None = None
    error: bytes = b""
    sse: bool = True  # server-sent events; False: one JSON array


def prepared(job: Job, cache: PrefixCache) -> Prepared:
    """Do what is asked. Raises ``Refused`` as the vendor would."""
    try:
        if job.route.operation in ("generate", "responses"):
            return _generated(job, cache)
        if job.route.operation == "embed":
            return Prepared(*embeddings.answer(job.body, job.knobs))
        if job.route.operation == "count":
            return Prepared(wire.encode(_counted(job)))
        if job.route.operation == "models":
            return Prepared(wire.encode(VENDORS[job.route.vendor].models(job.route.model)))
    except MISSHAPEN as error:
        raise Refused(400, f"The request could not be read: {error!r}") from None
    raise routing.unknown_path(job.route)


def _generated(job: Job, cache: PrefixCache) -> Prepared:
    ask = _asked(job)
    vendor = responses_wire if job.route.operation == "responses" else VENDORS[ask.vendor]
    reply = Reply(ask, answers.answer_to(ask, job.knobs, cache), job.knobs, job.ident)
    if not ask.stream:
        return Prepared(*vendor.whole(reply))
    is_array = ask.vendor == "gemini" and b"alt=sse" not in job.query
    frames = gemini_wire.array_frames(reply) if is_array else vendor.frames(reply)
    return Prepared(frames=frames, error=vendor.in_stream_error(job.knobs), sse=not is_array)


def _asked(job: Job) -> Ask:
    if job.route.operation == "responses":
        return responses_requests.read(job.body)
    if job.route.vendor == "openai":
        return openai_requests.read(job.body)
    if job.route.vendor == "anthropic":
        return anthropic_requests.read(job.body, anthropic_wire.version_of(job.headers))
    return gemini_requests.read(_gemini_model(job.route), job.body, stream=job.route.stream)


def _counted(job: Job) -> Json:
    if job.route.vendor == "anthropic":
        ask = anthropic_requests.read_input(job.body, anthropic_wire.version_of(job.headers))
        return {"input_tokens": answers.input_tokens(ask)}
    # Gemini takes the contents alone or a whole generation request.
    ask = gemini_requests.read_input(
        _gemini_model(job.route), job.body.get("generateContentRequest") or job.body
    )
    tokens = answers.input_tokens(ask)
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


def _gemini_model(route: Route) -> str:
    model = route.model or ""
    if model.startswith("does-not-exist"):
        raise gemini_wire.unknown_model(model, route.version)
    return model

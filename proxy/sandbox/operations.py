"""From a parsed request to an answer that is ready to be sent. Pure: nothing here waits or writes."""

from types import ModuleType
from typing import NamedTuple

from proxy.sandbox import (
    answers,
    anthropic_requests,
    anthropic_wire,
    chat_wire,
    embeddings,
    gemini_requests,
    gemini_wire,
    generate_wire,
    messages_wire,
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
from proxy.sandbox.responses_store import ResponseStore
from proxy.sandbox.routing import Route
from proxy.sandbox.wire import Frame, Reply

VENDORS: dict[str, ModuleType] = {"openai": openai_wire, "anthropic": anthropic_wire, "gemini": gemini_wire}
# Whose answers, and of which operation.
WRITERS: dict[tuple[str, str], ModuleType] = {
    ("openai", "generate"): chat_wire,
    ("openai", "responses"): responses_wire,
    ("anthropic", "generate"): messages_wire,
    ("gemini", "generate"): generate_wire,
}
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
    heartbeat: bytes = b""
    sse: bool = True  # server-sent events; False: one JSON array
    tier: str = ""  # the service tier that served it


class Memory(NamedTuple):
    """What the vendors keep between two requests."""

    cache: PrefixCache
    responses: ResponseStore

    def clear(self) -> None:
        """Forget everything."""
        self.cache.clear()
        self.responses.clear()


def prepared(job: Job, memory: Memory) -> Prepared:
    """Do what is asked. Raises ``Refused`` as the vendor would."""
    try:
        if job.route.operation in ("generate", "responses"):
            return _generated(job, memory)
        if job.route.operation == "embed":
            return Prepared(*_embedded(job))
        if job.route.operation == "count":
            return Prepared(wire.encode(_counted(job, memory)))
        if job.route.operation == "models":
            return Prepared(wire.encode(VENDORS[job.route.vendor].models(job.route.model)))
    except MISSHAPEN as error:
        raise Refused(400, f"The request could not be read: {error!r}") from None
    raise routing.unknown_path(job.route)


def _generated(job: Job, memory: Memory) -> Prepared:
    ask = _asked(job, memory)
    vendor = WRITERS[job.route.vendor, job.route.operation]
    reply = Reply(ask, answers.answer_to(ask, job.knobs, memory.cache), job.knobs, job.ident)
    if job.route.operation == "responses":
        _remember(job, reply, memory.responses)
    if not ask.stream:
        body, usage = vendor.whole(reply)
        return Prepared(body, usage, tier=vendor.tier(reply))
    is_array = ask.vendor == "gemini" and b"alt=sse" not in job.query
    return Prepared(
        frames=generate_wire.array_frames(reply) if is_array else vendor.frames(reply),
        error=vendor.in_stream_error(job.knobs),
        heartbeat=vendor.HEARTBEAT,
        sse=not is_array,
        tier=vendor.tier(reply),
    )


def _remember(job: Job, reply: Reply, responses: ResponseStore) -> None:
    if job.body.get("store") is False:
        return
    earlier = responses.before(job.body.get("previous_response_id"))
    items = [*earlier, *responses_requests.input_items(job.body), *responses_wire.items_of(reply)]
    responses.keep(f"resp_{reply.ident}", items)


def _embedded(job: Job) -> tuple[bytes, Json | None]:
    if job.route.vendor == "gemini":
        return embeddings.gemini(_gemini_model(job.route), job.body, job.knobs)
    return embeddings.openai(job.body, job.knobs)


def _asked(job: Job, memory: Memory) -> Ask:
    if job.route.operation == "responses":
        return _asked_of_responses(job, memory)
    if job.route.vendor == "openai":
        return openai_requests.read(job.body)
    if job.route.vendor == "anthropic":
        return anthropic_requests.read(job.body, anthropic_wire.version_of(job.headers))
    return gemini_requests.read(_gemini_model(job.route), job.body, stream=job.route.stream)


def _asked_of_responses(job: Job, memory: Memory) -> Ask:
    earlier = memory.responses.before(job.body.get("previous_response_id"))
    return responses_requests.read(job.body, earlier)


def _counted(job: Job, memory: Memory) -> Json:
    if job.route.vendor == "openai":
        tokens = answers.input_tokens(_asked_of_responses(job, memory))
        return {"object": "response.input_tokens", "input_tokens": tokens}
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

"""The real SDKs, pointed anywhere: what each parses of a plain or a streamed answer, as plain data."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

QUESTION = "Say it again."
MOST_OUTPUT = 1000  # tokens
SECONDS = 60.0


@dataclass(frozen=True)
class Failure:
    """What an SDK raised. ``kind`` is the exception's class; ``status`` is None once a stream has begun."""

    kind: str
    status: int | None
    code: str | None
    type: str | None
    param: str | None
    message: str


@dataclass(frozen=True)
class Outcome:
    """What an SDK made of one answer: the object it parsed, or the events of a stream, as JSON.

    With a ``failure`` the events are those before it.
    """

    parsed: dict[str, Any] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    failure: Failure | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """One call. ``label`` travels as the caller's request id."""

    model: str
    streamed: bool
    label: str
    choices: int = 1


class Callers:
    """All SDKs at one address, without retries of their own."""

    def __init__(self, *, openai_url: str, anthropic_url: str, key: str) -> None:
        http = httpx2.Timeout(SECONDS)
        self.openai = openai.AsyncOpenAI(api_key=key, base_url=openai_url, max_retries=0, timeout=http)
        self.anthropic = anthropic.AsyncAnthropic(
            api_key=key, base_url=anthropic_url, max_retries=0, timeout=http
        )
        self._https = (httpx2.AsyncClient(timeout=http), httpx2.Client())
        self.genai = genai.Client(
            api_key=key,
            http_options=genai_types.HttpOptions(
                base_url=anthropic_url,
                api_version="v1beta",
                timeout=int(SECONDS * 1000),
                httpx_async_client=self._https[0],
                httpx_client=self._https[1],
                retry_options=genai_types.HttpRetryOptions(attempts=1),
            ),
        )

    async def close(self) -> None:
        await self.openai.close()
        await self.anthropic.close()
        await self.genai.aio.aclose()
        self.genai.close()
        await self._https[0].aclose()
        self._https[1].close()

    async def chat(self, ask: Ask) -> Outcome:
        create = self.openai.chat.completions.with_raw_response.create
        fields: dict[str, Any] = {"n": ask.choices} if ask.choices > 1 else {}
        if ask.streamed:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        messages: Any = [{"role": "user", "content": QUESTION}]
        return await _openai(
            ask,
            lambda: create(
                model=ask.model, messages=messages, max_tokens=MOST_OUTPUT, extra_headers=_id(ask), **fields
            ),
        )

    async def responses(self, ask: Ask) -> Outcome:
        create = self.openai.responses.with_raw_response.create
        fields: dict[str, Any] = {"stream": True} if ask.streamed else {}
        return await _openai(
            ask,
            lambda: create(
                model=ask.model,
                input=QUESTION,
                max_output_tokens=MOST_OUTPUT,
                extra_headers=_id(ask),
                **fields,
            ),
        )

    async def embeddings(self, ask: Ask) -> Outcome:
        create = self.openai.embeddings.with_raw_response.create
        return await _openai(ask, lambda: create(model=ask.model, input=QUESTION, extra_headers=_id(ask)))

    async def messages(self, ask: Ask) -> Outcome:
        create = self.anthropic.messages.with_raw_response.create
        fields: dict[str, Any] = {"stream": True} if ask.streamed else {}
        turns: Any = [{"role": "user", "content": QUESTION}]
        return await _anthropic(
            ask,
            lambda: create(
                model=ask.model, messages=turns, max_tokens=MOST_OUTPUT, extra_headers=_id(ask), **fields
            ),
        )

    async def count_tokens(self, ask: Ask) -> Outcome:
        count = self.anthropic.messages.with_raw_response.count_tokens
        turns: Any = [{"role": "user", "content": QUESTION}]
        return await _anthropic(ask, lambda: count(model=ask.model, messages=turns, extra_headers=_id(ask)))

    async def generate(self, ask: Ask) -> Outcome:
        """Gemini's own SDK, which can only speak to Gemini."""
        models = self.genai.aio.models
        if not ask.streamed:
            return await _genai(lambda: models.generate_content(model=ask.model, contents=QUESTION))
        events: list[dict[str, Any]] = []
        async with _noting(events) as noted:
            async for chunk in await models.generate_content_stream(model=ask.model, contents=QUESTION):
                events.append(_dumped(chunk))
        return Outcome(events=events, failure=noted.failure)

    async def count_gemini(self, ask: Ask) -> Outcome:
        return await _genai(lambda: self.genai.aio.models.count_tokens(model=ask.model, contents=QUESTION))

    async def embed_gemini(self, ask: Ask) -> Outcome:
        return await _genai(lambda: self.genai.aio.models.embed_content(model=ask.model, contents=QUESTION))


def _id(ask: Ask) -> dict[str, str]:
    return {"x-request-id": ask.label}


async def _openai(ask: Ask, create: Callable[[], Awaitable[Any]]) -> Outcome:
    events: list[dict[str, Any]] = []
    parsed: dict[str, Any] | None = None
    headers: Mapping[str, str] = {}
    async with _noting(events) as noted:
        answer = await create()
        headers = dict(answer.headers)
        if ask.streamed:
            async for event in answer.parse():
                events.append(_dumped(event))
        else:
            parsed = _dumped(answer.parse())
    return Outcome(parsed, events, noted.failure, headers or noted.headers)


async def _anthropic(ask: Ask, create: Callable[[], Awaitable[Any]]) -> Outcome:
    events: list[dict[str, Any]] = []
    parsed: dict[str, Any] | None = None
    headers: Mapping[str, str] = {}
    async with _noting(events) as noted:
        answer = await create()
        headers = dict(answer.headers)
        found = await answer.parse()
        if ask.streamed:
            async for event in found:
                events.append(_dumped(event))
        else:
            parsed = _dumped(found)
    return Outcome(parsed, events, noted.failure, headers or noted.headers)


async def _genai(create: Callable[[], Awaitable[Any]]) -> Outcome:
    parsed: dict[str, Any] | None = None
    async with _noting([]) as noted:
        parsed = _dumped(await create())
    return Outcome(parsed, failure=noted.failure)


def _dumped(parsed: Any) -> dict[str, Any]:
    """What came over the wire as the SDK holds it: fields it was not sent are left out, unknown ones stay."""
    if not hasattr(parsed, "model_dump"):  # a 200 that is not JSON at all
        return {"unparsed": str(parsed)}
    dumped: dict[str, Any] = parsed.model_dump(mode="json", exclude_unset=True, warnings=False)
    dumped.pop("sdk_http_response", None)
    return dumped


@dataclass
class _Noted:
    failure: Failure | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def _noting(events: list[dict[str, Any]]) -> AsyncIterator[_Noted]:
    """Keeps what the SDK raises as a Failure."""
    noted = _Noted()
    try:
        yield noted
    except (openai.APIError, anthropic.APIError) as error:
        noted.failure = _failure(error, begun=bool(events))
        response = getattr(error, "response", None)
        noted.headers = dict(response.headers) if response is not None else {}
    except genai_errors.APIError as error:
        noted.failure = Failure(
            type(error).__name__, error.code, error.status, None, None, str(error.message)
        )
    # google-genai raises AttributeError on enums as numbers (Vertex's gRPC transcoding).
    except (genai_errors.UnknownApiResponseError, json.JSONDecodeError, AttributeError) as error:
        noted.failure = Failure(type(error).__name__, None, None, None, None, str(error))


def _failure(error: openai.APIError | anthropic.APIError, *, begun: bool) -> Failure:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error")
    told = inner if isinstance(inner, dict) else body
    status = getattr(error, "status_code", None)
    return Failure(
        kind=type(error).__name__,
        status=None if status == 200 or begun else status,
        code=told.get("code"),
        type=told.get("type"),
        param=told.get("param"),
        message=str(told.get("message") or error.message),
    )

"""The calls' views: DRF views whose dispatch is async and straight, policies as classes on the view.

What DRF does for pages (content negotiation, rendering, a request wrapper) is left out: perf.md measured what
it costs. What it is good at stays: authentication, permissions, throttles, parsers and one exception handler.
"""

import contextlib
import dataclasses
from typing import Any

import structlog
from django.conf import settings
from rest_framework.views import APIView

from catalog.snapshot import RouteRow
from metering.receipts import Kept
from proxy import (
    completions,
    continuations,
    counting,
    envelopes,
    errors,
    hints,
    leaving,
    listing,
    policies,
    refused,
    routing,
)
from proxy.delivery import StreamDelivery
from proxy.dialects.chat.dialect import CHAT
from proxy.dialects.registry import COUNT_TOKENS, EMBEDDINGS, MESSAGES, RESPONSES
from proxy.gateway import Gateway
from proxy.interchange.dialect import Dialect
from proxy.job import Job
from proxy.requests import CallRequest, Headers, Receive, Scope, Send

log = structlog.get_logger(__name__)

JSON = (b"content-type", b"application/json")


class CallView(APIView):
    """Base of the calls' views: one instance a request, ``get`` or ``post`` answers it.

    ``dialect`` is the shape of its requests, answers and errors. ``metering`` says how a view that can reach
    a vendor is paid for: a test enumerates the URL table and fails for a view that does not say.
    """

    dialect: Dialect = CHAT
    metering: str = ""  # "ledger", or "free: why"; empty: no vendor is reached
    handed_on = False  # to ``completions``, which notes by itself what it refuses
    authentication_classes: list[Any] = [policies.GatewayKeyAuthentication]
    permission_classes: list[Any] = []
    throttle_classes: list[Any] = [policies.WorkerHasRoom]
    parser_classes: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send, gateway: Gateway) -> None:
        """Answer one ASGI request."""
        self.call = CallRequest(scope, receive, gateway)
        self._send = send
        self.started = False
        gateway.in_flight += 1
        try:
            handler = getattr(self, self.call.method.lower(), None) if self._is_method() else None
            if handler is None:
                raise errors.MethodNotAllowed(f"{self.call.method} is not allowed here.")
            await self._let_in()
            await handler()
        except Exception as error:
            await self._refuse(error)
        finally:
            self._let_out(gateway)

    def _let_out(self, gateway: Gateway) -> None:
        gateway.in_flight -= 1
        gateway.body_bytes -= self.call.kept
        if self.call.user is not None:
            gateway.in_flight_of_key[self.call.user.id] -= 1
            gateway.queue.ended(self.call.user.team.id)

    def _is_method(self) -> bool:
        return self.call.method in ("GET", "POST")

    async def _let_in(self) -> None:
        """The policies: who, is there room for them, with what, may they. Room comes before reading."""
        for authentication in self.authentication_classes:
            self.call.user, self.call.auth = authentication().authenticate(self.call)
            self.call.gateway.in_flight_of_key[self.call.user.id] += 1
        for throttle_class in self.throttle_classes:
            throttle = throttle_class()
            if not throttle.allow_request(self.call, self):
                raise errors.Unavailable(
                    "The gateway is at its limit.", code="overloaded", retry_after=throttle.wait()
                )
        for parser in self.parser_classes:
            body = await self.call.read_body(most=settings.MAX_BODY_BYTES)
            self.call.data = parser().parse(body, None, {"view": self, "request": self.call})
        for permission in self.permission_classes:
            if not permission().has_permission(self.call, self):
                raise errors.Forbidden("This key may not do that.")

    async def _refuse(self, error: Exception) -> None:
        if self.metering == "ledger" and not self.handed_on:
            refused.note_at_the_door(self.call, error)
        told = self.told(error)
        if not self.started:
            body = self.dialect.error_body(told, request_id=str(self.call.request_id))
            headers = envelopes.refusal_headers(error, told, anthropic=self.is_anthropic)
            await self.respond(told.status, body, headers)

    def told(self, error: Exception) -> errors.CallError:
        """What the caller is told; what is our own fault is in the log with its traceback."""
        told = envelopes.call_error(error)
        if told.status == 500:
            log.error("call_failed", request_id=str(self.call.request_id), exc_info=error)
        return told

    async def respond(self, status: int, body: bytes, headers: Headers = ()) -> None:
        """A whole JSON answer."""
        self.started = True
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    JSON,
                    (b"content-length", str(len(body)).encode()),
                    *dict([*self.common_headers(), *headers]).items(),  # one of a name: the last
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    def common_headers(self) -> list[tuple[bytes, bytes]]:
        """Ours and, for Anthropic's clients, the same under the name they read. A vendor's own stands beside
        an answer of that vendor and comes later, so it wins."""
        request_id = str(self.call.request_id).encode()
        if self.is_anthropic:
            return [(b"x-request-id", request_id), (b"request-id", request_id)]
        return [(b"x-request-id", request_id)]

    @property
    def is_anthropic(self) -> bool:
        return self.dialect is MESSAGES or self.dialect is COUNT_TOKENS


class ModelCall(CallView):
    """A call that a model answers, whole or streamed."""

    permission_classes = [policies.MayCallModel]
    parser_classes = [policies.CallParser]
    metering = "ledger"
    route: RouteRow

    async def post(self) -> None:
        job = await self._job()
        self.handed_on = True
        if job.parsed.call.stream:
            await self._stream(job)
            return
        async with leaving.watched(job.route, self.call.receive) as left:
            served = await completions.complete(self.call.gateway, dataclasses.replace(job, left=left))
        await self.respond(200, served.body, envelopes.served_headers(served, anthropic=self.is_anthropic))

    async def _stream(self, job: Job) -> None:
        headers, anthropic = self.common_headers(), self.is_anthropic
        delivery = StreamDelivery(self._send, self.call.receive, headers, anthropic=anthropic)
        try:
            await completions.stream(self.call.gateway, job, delivery)
        except Exception as error:
            if not delivery.begun:
                raise
            request_id, told = str(self.call.request_id), self.told(error)
            await delivery.send(self.dialect.error_frames(told, request_id=request_id, told=delivery.told))
        finally:
            self.started = delivery.begun
            with contextlib.suppress(OSError):
                await delivery.end()

    async def _job(self) -> Job:
        call = self.call
        assert call.data is not None
        assert call.user is not None
        patience = max((model.timeouts.total or 0.0 for model, _ in self.route.targets), default=0.0)
        began = call.read_at
        route, kept = await self._route()
        return Job(
            parsed=call.data,
            key=call.user,
            route=route,
            configuration=call.configuration,
            request_id=call.request_id,
            started_at=call.started_at,
            deadline=began + patience,
            began=began,
            client_request_id=call.header(b"x-request-id"),
            tags=call.tags(),
            keep=call.keep,
            kept=kept,
        )

    async def _route(self) -> tuple[RouteRow, Kept | None]:
        """The route, and the earlier answer that this one continues: its vendor is the one to ask."""
        call = self.call
        assert call.data is not None
        assert call.user is not None
        if not call.data.previous:
            return self.route, None
        return await continuations.narrowed(call.gateway, self.route, call.user, call.data.previous)


class ChatCompletions(ModelCall):
    """POST /v1/chat/completions"""


class Messages(ModelCall):
    """POST /v1/messages"""

    dialect = MESSAGES


class Responses(ModelCall):
    """POST /v1/responses"""

    dialect = RESPONSES

    async def _let_in(self) -> None:
        """Codex tries a WebSocket first, and turns to POST at once for 426 alone."""
        if self.call.header(b"upgrade").lower() == "websocket":
            raise errors.CallError(
                "WebSockets are not served here: use POST.",
                status=426,
                code="upgrade_required",
                type="invalid_request_error",
                retry=False,
            )
        if self.call.method != "POST":
            raise errors.MethodNotAllowed(f"{self.call.method} is not allowed here.")
        await super()._let_in()

    async def get(self) -> None:
        """Never reached: see ``_let_in``."""

    def told(self, error: Exception) -> errors.CallError:
        """OpenAI answers 400 here for a model that it does not have, and 404 on its other paths."""
        told = super().told(error)
        if told.code == "model_not_found":
            told.status = 400
        return told


class Embeddings(ModelCall):
    """POST /v1/embeddings"""

    dialect = EMBEDDINGS


class CountTokens(ModelCall):
    """POST /v1/messages/count_tokens: no vendor bills it, so no money is held and nothing is booked."""

    dialect = COUNT_TOKENS
    metering = "free: vendors count tokens without a charge; a rate limit of its own bounds it"
    throttle_classes = [policies.WorkerHasRoom, policies.CountingPace]

    async def post(self) -> None:
        served = await counting.count(self.call.gateway, await self._job())
        await self.respond(200, served.body, envelopes.served_headers(served))


class Listing(CallView):
    """Base of the views that speak Anthropic's shape to Anthropic's clients, which send its version
    header."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, gateway: Gateway) -> None:
        if any(name == b"anthropic-version" for name, _ in scope["headers"]):
            self.dialect = MESSAGES
        await super().__call__(scope, receive, send, gateway)


class Models(Listing):
    """GET /v1/models: what this key may call; GET /v1/models/NAME: one of them."""

    async def get(self) -> None:
        call = self.call
        assert call.user is not None
        routes = routing.visible_names(call.configuration.catalog, call.user)
        write = listing.for_anthropic if self.dialect is MESSAGES else listing.for_openai
        await self.respond(200, write(routes, call.path, call.scope["query_string"]))


class NoSuchPath(Listing):
    """Any other path under /v1/."""

    throttle_classes: list[Any] = []

    async def get(self) -> None:
        path = self.call.path
        raise errors.NotFound(f"There is no {self.call.method} {path} here.{hints.for_path(path)}")

    post = get

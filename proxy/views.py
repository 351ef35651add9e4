"""The calls' views: what each path of the calls door does with a request that was let in."""

import contextlib
import dataclasses
from typing import Any

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
    routing,
)
from proxy.call_view import CallView
from proxy.delivery import StreamDelivery
from proxy.dialects.registry import COUNT_TOKENS, EMBEDDINGS, MESSAGES, RESPONSES
from proxy.gateway import Gateway
from proxy.idempotency import keys, recording
from proxy.idempotency.sealing import Answer
from proxy.job import Job
from proxy.requests import Receive, Scope, Send


class ModelCall(CallView):
    """A call that a model answers, whole or streamed."""

    permission_classes = [policies.MayCallModel]
    parser_classes = [policies.CallParser]
    metering = "ledger"
    route: RouteRow

    async def post(self) -> None:
        job = await self._job()
        if keys.HEADER in self.call.headers:
            begun = await recording.begun(self.call, job, self._send)
            if isinstance(begun, Answer):
                self.started = True
                await recording.replay(begun, self._send)
                return
            self._send = self.recording = begun
            job = dataclasses.replace(job, claim=begun.claim)
        self.handed_on = True
        if job.parsed.call.stream:
            await self._stream(job)
            return
        async with leaving.watched(job.route, self.call.receive) as left:
            served = await completions.complete(self.call.gateway, dataclasses.replace(job, left=left))
        await self.respond(200, served.body, envelopes.served_headers(served, anthropic=self.is_anthropic))

    async def _stream(self, job: Job) -> None:
        delivery = StreamDelivery(
            self._send,
            self.call.receive,
            self.common_headers(),
            anthropic=self.is_anthropic,
            keeps=self.recording is not None,
        )
        try:
            await completions.stream(self.call.gateway, job, delivery)
            if delivery.gone and not delivery.ended:
                await self._break_off(delivery, recording.left())
        except Exception as error:
            if not delivery.begun:
                raise
            await self._break_off(delivery, self.told(error))
        finally:
            self.started = delivery.begun
            with contextlib.suppress(OSError):
                await delivery.end()

    async def _break_off(self, delivery: StreamDelivery, told: errors.CallError) -> None:
        request_id = str(self.call.request_id)
        await delivery.last(self.dialect.error_frames(told, request_id=request_id, told=delivery.told))

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

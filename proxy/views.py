"""The calls' views: DRF views whose dispatch is async and straight, policies as classes on the view.

What DRF does for pages (content negotiation, rendering, a request wrapper) is left out: perf.md measured what
it costs. What it is good at stays: authentication, permissions, throttles, parsers and one exception handler.
"""

import contextlib
from typing import Any

import msgspec
import structlog
from django.conf import settings
from rest_framework.views import APIView

from catalog.snapshot import RouteRow
from proxy import completions, envelopes, errors, policies, routing
from proxy.delivery import StreamDelivery
from proxy.gateway import Gateway
from proxy.job import Job, Served
from proxy.requests import CallRequest, Headers, Receive, Scope, Send

log = structlog.get_logger(__name__)

JSON = (b"content-type", b"application/json")


class CallView(APIView):
    """Base of the calls' views: one instance a request, ``get`` or ``post`` answers it."""

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
            self.call.data = parser().parse(body)
        for permission in self.permission_classes:
            if not permission().has_permission(self.call, self):
                raise errors.Forbidden("This key may not do that.")

    async def _refuse(self, error: Exception) -> None:
        told = self._told(error)
        if not self.started:
            await self.respond(told.status, envelopes.body(told), envelopes.headers(told))

    def _told(self, error: Exception) -> errors.CallError:
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
                    *self.common_headers(),
                    *headers,
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    def common_headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"x-request-id", str(self.call.request_id).encode())]


class ChatCompletions(CallView):
    """POST /v1/chat/completions"""

    permission_classes = [policies.MayCallModel]
    parser_classes = [policies.ChatParser]
    route: RouteRow

    async def post(self) -> None:
        job = self._job()
        if not job.parsed.call.stream:
            served = await completions.complete(self.call.gateway, job)
            await self.respond(200, served.body, served_headers(served))
            return
        delivery = StreamDelivery(self._send, self.call.receive, self.common_headers())
        try:
            await completions.stream(self.call.gateway, job, delivery)
        except Exception as error:
            if not delivery.begun:
                raise
            await delivery.send(envelopes.frame(self._told(error)))
        finally:
            self.started = delivery.begun
            with contextlib.suppress(OSError):
                await delivery.end()

    def _job(self) -> Job:
        call = self.call
        assert call.data is not None
        assert call.user is not None
        patience = max((model.provider.total_timeout for model, _ in self.route.targets), default=0.0)
        return Job(
            parsed=call.data,
            key=call.user,
            route=self.route,
            configuration=call.configuration,
            request_id=call.request_id,
            started_at=call.started_at,
            deadline=call.gateway.clock() + patience,
            client_request_id=call.header(b"x-request-id"),
            tags=call.tags(),
        )


class Models(CallView):
    """GET /v1/models: what this key may call."""

    async def get(self) -> None:
        call = self.call
        assert call.user is not None
        listed = [
            {"id": route.name, "object": "model", "created": 0, "owned_by": owner(route)}
            for route in routing.visible_names(call.configuration.catalog, call.user)
        ]
        await self.respond(200, msgspec.json.encode({"object": "list", "data": listed}))


class NoSuchPath(CallView):
    """Any other path under /v1/."""

    throttle_classes: list[Any] = []

    async def get(self) -> None:
        raise errors.NotFound(f"There is no {self.call.method} {self.call.path} here.")

    post = get


def owner(route: RouteRow) -> str:
    """The provider of a name with one seller; ``tallygate`` for a route over several."""
    owners = {model.provider.name for model, _ in route.targets}
    return owners.pop() if len(owners) == 1 else "tallygate"


def served_headers(served: Served) -> list[tuple[bytes, bytes]]:
    """Beside the answer: who served it, in how many attempts, at what cost (exact; absent when unknown)."""
    headers = [
        (b"x-tallygate-model", served.model.encode()),
        (b"x-tallygate-attempts", str(served.attempts).encode()),
    ]
    if served.cost_usd is not None:
        headers.append((b"x-tallygate-cost-usd", f"{served.cost_usd.normalize():f}".encode()))
    return headers

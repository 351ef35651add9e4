"""The base of the calls' views: a DRF view whose dispatch is async and straight, policies as classes on it.

What DRF does for pages (content negotiation, rendering, a request wrapper) is left out: perf.md measured what
it costs. What it is good at stays: authentication, permissions, throttles, parsers and one exception handler.
"""

from typing import Any

import structlog
from django.conf import settings
from rest_framework.views import APIView

from proxy import envelopes, errors, policies, refused
from proxy.dialects.chat.dialect import CHAT
from proxy.dialects.registry import COUNT_TOKENS, MESSAGES
from proxy.gateway import Gateway
from proxy.idempotency.recording import Recording
from proxy.interchange.dialect import Dialect
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
    recording: Recording | None = None  # of a call with an Idempotency-Key
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
        if self.recording is not None:
            self.recording.close()
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

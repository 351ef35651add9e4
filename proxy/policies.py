"""Who may call what, as DRF policy classes listed on the views."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.throttling import BaseThrottle

from catalog import keys
from catalog.snapshot import KeyRow
from proxy import errors, routing
from proxy.interchange.dialect import Dialect
from proxy.pace import MOST_COUNTS
from proxy.requests import CallRequest

MAX_IN_FLIGHT = 2_000  # calls per worker at one moment; beyond it new ones are asked to come back
MAX_IN_FLIGHT_OF_KEY = 1_000  # so that one key cannot take the whole worker
NO_SUCH_KEY = "0" * 64


class GatewayKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer KEY`` or ``x-api-key: KEY``; found by prefix, compared by keyed hash."""

    def authenticate(self, request: Any) -> tuple[KeyRow, str]:
        secret = self._secret(request)
        prefix = keys.parse(secret)
        key = request.configuration.catalog.keys.get(prefix) if prefix else None
        if not keys.matches(secret, key.digest if key else NO_SUCH_KEY) or key is None:
            raise errors.Unauthorized(
                f"Incorrect API key (read from {_read_from(request)}). Keys look like tg_... and are made by "
                "your platform admin."
            )
        if key.expires_at is not None and key.expires_at <= request.started_at:
            raise errors.Unauthorized(_why_it_ended(key), code="expired_api_key")
        return key, key.prefix

    def _secret(self, request: CallRequest) -> str:
        if sum(name == b"authorization" for name, _ in request.scope["headers"]) > 1:
            raise errors.Unauthorized("More than one Authorization header.")
        scheme, _, credential = request.headers.get(b"authorization", b"").partition(b" ")
        secret = credential if scheme.lower() == b"bearer" else request.headers.get(b"x-api-key", b"")
        if not secret:
            raise errors.Unauthorized(_how_to_send_it(request), code="missing_api_key")
        return secret.strip().decode("latin-1")


def _why_it_ended(key: KeyRow) -> str:
    """For whoever holds the whole secret: a prefix with a wrong end is an incorrect key like any other."""
    if key.replaced_at is not None:
        return (
            f"This secret was replaced on {key.replaced_at:%Y-%m-%d} and works no more: use the new one. "
            "Whoever keeps your team's keys has it, or makes another."
        )
    return f"This API key expired on {key.expires_at:%Y-%m-%d}. Ask your platform admin for a new one."


def _read_from(request: CallRequest) -> str:
    return "Authorization" if b"authorization" in request.headers else "x-api-key"


def _how_to_send_it(request: CallRequest) -> str:
    seen = " The Authorization header came without the word Bearer." * (b"authorization" in request.headers)
    return f"No API key. Send it as 'Authorization: Bearer tg_...' or as 'x-api-key: tg_...'.{seen}"


class MayCallModel(BasePermission):
    """The route exists, and both the team and the key may call it, and every model that may help with it."""

    def has_permission(self, request: Any, view: Any) -> bool:
        view.route = routing.route_for(request.configuration.catalog, request.user, request.data.model)
        for name in request.data.helpers:
            routing.route_for(request.configuration.catalog, request.user, name)
        return True


class WorkerHasRoom(BaseThrottle):
    """A bound on the calls in flight, so that a stuck vendor cannot take the worker's memory."""

    def allow_request(self, request: Any, view: Any) -> bool:
        gateway, key = request.gateway, request.user
        return bool(
            gateway.in_flight <= MAX_IN_FLIGHT and gateway.in_flight_of_key[key.id] <= MAX_IN_FLIGHT_OF_KEY
        )

    def wait(self) -> float:
        return 1.0


class CountingPace(BaseThrottle):
    """How often a key may count tokens: clients do so in bursts of 50 when they start (checks L2)."""

    def allow_request(self, request: Any, view: Any) -> bool:
        self._wait = request.gateway.counting_pace.wait(request.user.id, now=request.gateway.clock())
        if self._wait:
            raise errors.RateLimited(
                f"This key counts tokens more than {MOST_COUNTS} times a minute.",
                code="rate_limit_exceeded",
                retry_after=self._wait,
            )
        return True

    def wait(self) -> float:
        return float(self._wait)


class CallParser(BaseParser):
    """The body as a valid request in the view's dialect. Raises BadRequest."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """A ``ParsedCall``; ``stream`` is the whole body."""
        dialect: Dialect = parser_context["view"].dialect
        return dialect.parse(stream, parser_context["request"].headers)


__all__ = ["CallParser", "CountingPace", "GatewayKeyAuthentication", "MayCallModel", "WorkerHasRoom"]

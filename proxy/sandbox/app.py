"""The sandbox as an ASGI application: one request from its arrival to the log of calls."""

import itertools
import os
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import msgspec

from proxy.sandbox import control_api, faults, operations, routing, wire
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.caching import PrefixCache
from proxy.sandbox.calls import Call, CallLog, fingerprint
from proxy.sandbox.connection import CallerLeft, Connection, Cut, Message, Receive, Send
from proxy.sandbox.control import NO_KNOBS, Caller, Control, Knobs
from proxy.sandbox.faults import Events
from proxy.sandbox.operations import VENDORS, Job, Memory
from proxy.sandbox.responses_store import ResponseStore
from proxy.sandbox.routing import Route

SSE = (b"content-type", b"text/event-stream; charset=utf-8")
JSON_ARRAY = (b"content-type", b"application/json; charset=UTF-8")


@dataclass(slots=True)
class Request:
    """One request, as far as it was read."""

    route: Route
    query: bytes
    headers: dict[bytes, bytes]
    call: Call
    connection: Connection
    ident: str
    knobs: Knobs = NO_KNOBS


class Sandbox:
    """Three vendors on one port. ``latency`` (seconds) is the default of every answer."""

    def __init__(self, *, latency: float = 0.0, seed: int = 0) -> None:
        self.control = Control(latency=latency, seed=seed)
        self.calls = CallLog()
        self.memory = Memory(PrefixCache(), ResponseStore())
        # Ids differ between two sandboxes, as they would between two days of one vendor.
        self._run = os.urandom(4).hex()
        self._serial = itertools.count(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"].startswith("/control"):
            await self._controlled(scope, receive, send)
            return
        request = self._opened(scope, receive, send)
        outcome = "cut"
        try:
            outcome = await self._answered(request)
        except CallerLeft:
            outcome = "stalled" if request.call.outcome == "stalled" else "client_disconnected"
        except Cut:
            pass
        finally:
            request.connection.release()
            self.calls.close(request.call, outcome)

    def _opened(self, scope: Message, receive: Receive, send: Send) -> Request:
        headers = dict(scope["headers"])
        site, path = routing.site_of(scope["path"])
        route = routing.route(scope["method"], path, headers)
        client_id = headers.get(b"x-client-request-id", b"").decode("latin-1")
        call = self.calls.open(vendor=route.vendor, path=path, site=site, client_request_id=client_id)
        call.query = _without_key(scope["query_string"])
        ident = f"{self._run}{next(self._serial):08x}"
        return Request(route, scope["query_string"], headers, call, Connection(receive, send, call), ident)

    async def _answered(self, request: Request) -> str:
        raw = await request.connection.body()
        self.calls.note(request.call, request.headers, raw)
        vendor = VENDORS[request.route.vendor]
        try:
            key = vendor.authenticate(request.headers, request.query)
            body = vendor.parse(raw) if raw else {}
            self._turn_knobs(request, body, key)
            await faults.before_answer(request.connection, request.knobs)
            _refuse_at_will(request.knobs)
            job = Job(request.route, body, request.headers, request.query, request.knobs, request.ident)
            return await _send(request, operations.prepared(job, self.memory))
        except Refused as refused:
            await _refuse(request, refused)
            return "refused"

    def _turn_knobs(self, request: Request, body: Json, key: str) -> None:
        call, route = request.call, request.route
        call.key_fingerprint = fingerprint(key)
        call.model = route.model or str(body.get("model") or "")
        call.stream = route.stream or bool(body.get("stream"))
        caller = Caller(call.vendor, call.model, call.path, call.site, key, call.stream)
        try:
            request.knobs = self.control.knobs_for(caller, request.headers)
        except msgspec.DecodeError as error:
            raise Refused(400, f"x-sandbox header: {error}") from None
        request.ident = request.knobs.static_id or request.ident
        request.connection.split_bytes = request.knobs.split_bytes

    async def _controlled(self, scope: Message, receive: Receive, send: Send) -> None:
        # A call of its own, kept nowhere: only vendors' calls are logged.
        connection = Connection(receive, send, Call(0, "", scope["path"], "", "", 0.0))
        body = await connection.body()
        parts = (self.control, self.calls, self.memory)
        status, value = control_api.answer(scope["method"], scope["path"], scope["query_string"], body, parts)
        await connection.start(status, [(b"content-type", b"application/json")])
        await connection.write(wire.encode(value), more=False)


def _refuse_at_will(knobs: Knobs) -> None:
    if knobs.status is not None and knobs.status >= 400 and knobs.error_in_stream_after is None:
        raise Refused(knobs.status, "", kind=knobs.error_code)


def _without_key(query: bytes) -> str:
    """The query as it is logged: Gemini's credential may be in it."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []
    return urlencode([(name, value) for name, value in pairs if name != "key"])


async def _send(request: Request, answer: operations.Prepared) -> str:
    knobs, connection = request.knobs, request.connection
    headers = _headers(request, 200, answer.tier)
    if answer.frames is not None:
        kind = SSE if answer.sse else JSON_ARRAY
        events = Events(answer.frames, answer.error, answer.heartbeat if answer.sse else b"")
        return await faults.send_stream(connection, knobs, headers=[kind, *headers], events=events)
    await faults.send_whole(
        connection, knobs, status=200, headers=headers, body=answer.body, usage=answer.usage
    )
    return "complete"


async def _refuse(request: Request, refused: Refused) -> None:
    vendor, knobs = VENDORS[request.route.vendor], request.knobs
    body = vendor.refusal(refused.status, str(refused), refused.kind, refused.param, knobs, request.ident)
    headers = _headers(request, refused.status, "")
    await faults.send_whole(
        request.connection, knobs, status=refused.status, headers=headers, body=body, usage=None
    )


def _headers(request: Request, status: int, tier: str) -> wire.Headers:
    """The vendor's headers, with those of the ``headers`` knob in place of or beside them."""
    made: wire.Headers = VENDORS[request.route.vendor].headers(status, request.knobs, request.ident, tier)
    if not request.knobs.headers:
        return made
    asked = {
        name.lower().encode("latin-1"): value.encode("latin-1")
        for name, value in request.knobs.headers.items()
    }
    return [header for header in made if header[0] not in asked] + list(asked.items())

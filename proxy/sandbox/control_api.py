"""``/control``: the knobs and the log of calls over HTTP.

* ``PUT /control`` sets the rules (see ``control``), ``GET`` shows them, ``DELETE`` resets them and the
  prompt cache.
* ``GET /control/calls`` is the JSON list of every upstream request; ``?count=1`` gives ``{"count": N}``,
  ``?after=SEQUENCE`` and ``?client_request_id=PREFIX`` select; ``DELETE`` empties it.
"""

from typing import Any
from urllib.parse import parse_qs

import msgspec

from proxy.sandbox import wire
from proxy.sandbox.calls import CallLog
from proxy.sandbox.control import Control, Rules
from proxy.sandbox.operations import Memory

Answered = tuple[int, Any]


def answer(
    method: str, path: str, query: bytes, body: bytes, parts: tuple[Control, CallLog, Memory]
) -> Answered:
    """Status and JSON value of one request to ``/control``."""
    control, calls, memory = parts
    if path == "/control/calls":
        return _calls(method, query, calls)
    if path != "/control":
        return 404, {"error": f"no such path: {path}"}
    if method == "PUT":
        try:
            control.put(msgspec.json.decode(body, type=Rules))
        except wire.UNREADABLE as error:
            return 400, {"error": str(error)}
    elif method == "DELETE":
        control.reset()
        memory.clear()
    elif method != "GET":
        return 405, {"error": f"{method} is not supported"}
    return 200, control.shown()


def _calls(method: str, query: bytes, calls: CallLog) -> Answered:
    if method == "DELETE":
        calls.clear()
        return 200, {"count": 0}
    asked = {name: values[-1] for name, values in parse_qs(query.decode("latin-1")).items()}
    if asked.get("after", "0").isdecimal() is False:
        return 400, {"error": "after must be a sequence number"}
    after, request_id = int(asked.get("after", 0)), asked.get("client_request_id", "")
    if not asked.get("count"):
        return 200, calls.select(after=after, request_id=request_id)
    filtered = after or request_id
    return 200, {
        "count": len(calls.select(after=after, request_id=request_id)) if filtered else calls.count()
    }

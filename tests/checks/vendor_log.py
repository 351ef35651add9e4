"""What the vendors' log says that they were sent for a caller's request."""

import json

import httpx2

from tests.live.house import House, Row
from tests.live.surfaces import Surface


def post(house: House, surface: Surface, body: Row | bytes) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return house.http.post(surface.path, content=content, headers=house.headers())


def at_vendor(house: House, surface: Surface, body: Row | bytes) -> Row:
    """What the vendor was sent for a call that it answered."""
    answer = post(house, surface, body)
    assert answer.status_code == 200, answer.text
    [call] = house.vendors.calls(answer.headers["x-request-id"])
    sent: Row = call["body"]
    return sent


def bytes_at_vendors(house: House) -> bytes:
    """The vendors' whole log: bodies stand in it as they came."""
    return httpx2.get(f"{house.vendors.base_url}/control/calls").content

"""Calls of the checks over sockets: every surface, plain and streamed."""

from typing import Any

import pytest

from tests.live import surfaces
from tests.live.house import House, Row
from tests.live.surfaces import CHAT, MESSAGES, Surface

SURFACES = pytest.mark.parametrize("surface", [CHAT, MESSAGES], ids=["chat", "messages"])
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


def ask(
    house: House, surface: Surface, model: str, *, stream: bool, key: str = "", **fields: Any
) -> tuple[str, str | None]:
    """One call that is answered; its request id and the cost that its caller is told."""
    headers = house.headers(key)
    body = surface.body(model, **fields)
    if stream:
        streamed = surfaces.streamed(house, surface, body, headers=headers)
        assert surface.is_whole(streamed), streamed
        return streamed.request_id, streamed.headers.get("x-tallygate-cost-usd")
    answer = house.http.post(surface.path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"], answer.headers.get("x-tallygate-cost-usd")


def parts(house: House, request_id: str) -> list[Row]:
    """The ledger's rows of a request, the called model's first, each with its model's name."""
    return house.sql(
        "SELECT e.*, m.name AS model FROM metering_costentry e JOIN catalog_languagemodel m"
        " ON m.id = e.model_id WHERE e.request_id = %s ORDER BY e.attempt, e.part",
        request_id,
    )

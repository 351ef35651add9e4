"""Files are streamed under both kinds of server, a part at a time."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from django.http import HttpRequest
from django.test import AsyncRequestFactory, RequestFactory

from metering.spend import export

ROWS = 1200


def rows(seen: list[int]) -> Iterator[tuple[export.Cell, ...]]:
    for number in range(ROWS):
        seen.append(number)
        yield (number, Decimal("0.000000100000"), "=1", None, dt.datetime(2026, 11, 20, tzinfo=dt.UTC))


def expected() -> bytes:
    return b"".join(b"%d,0.0000001,'=1,,2026-11-20T00:00:00.000Z\r\n" % number for number in range(ROWS))


def respond(request: HttpRequest, seen: list[int]) -> object:
    return export.response(request, rows(seen), name="x.csv", with_mark=False).streaming_content


def test_a_synchronous_server_gets_parts_as_it_asks() -> None:
    seen: list[int] = []
    parts = iter(respond(RequestFactory().get("/"), seen))  # type: ignore[call-overload]
    first = next(parts)
    assert len(seen) == export.ROWS_AT_A_TIME
    assert b"".join([first, *parts]) == expected()


async def test_an_asynchronous_server_gets_parts_as_it_asks() -> None:
    seen: list[int] = []
    parts = aiter(respond(AsyncRequestFactory().get("/"), seen))  # type: ignore[call-overload]
    first = await anext(parts)
    assert len(seen) == export.ROWS_AT_A_TIME
    assert first + b"".join([part async for part in parts]) == expected()

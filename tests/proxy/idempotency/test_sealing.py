"""An answer at rest, and what is repeated of it."""

import os
from typing import Any

import pytest

from catalog.vault import CredentialUnreadable
from proxy.idempotency import sealing
from proxy.idempotency.sealing import Answer

PLAIN = Answer(200, [(b"content-type", b"application/json"), (b"x-request-id", b"r1")], b'{"a": "\xc3\xa9"}')
STREAM = Answer(200, [(b"content-type", b"text/event-stream; charset=utf-8")], b"data: 1\n\n")


@pytest.mark.parametrize(
    "answer",
    [PLAIN, STREAM, Answer(200, [], os.urandom(200_000)), Answer(503, [(b"x-vendor", b"\xff")], b"")],
    ids=["plain", "streamed", "large, in a thread", "bytes that are no text"],
)
async def test_what_is_opened_is_what_was_sealed(answer: Answer) -> None:
    assert await sealing.opened(await sealing.sealed(answer)) == answer


async def test_sealed_it_cannot_be_read() -> None:
    text = await sealing.sealed(Answer(200, [(b"x-secret", b"header")], b"a secret answer " * 100))

    assert "secret" not in text
    assert len(text) < 700


async def test_it_cannot_be_opened_under_another_secret_key(settings: Any) -> None:
    text = await sealing.sealed(PLAIN)
    settings.SECRET_KEY = "another secret key of more than 32 characters"

    with pytest.raises(CredentialUnreadable):
        await sealing.opened(text)


async def test_an_old_secret_key_still_opens_it(settings: Any) -> None:
    text = await sealing.sealed(PLAIN)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key of more than 32 characters"

    assert await sealing.opened(text) == PLAIN


def test_whether_it_is_a_stream() -> None:
    assert (PLAIN.is_stream, STREAM.is_stream) == (False, True)


def test_what_speaks_of_the_moment_is_not_repeated() -> None:
    answer = PLAIN._replace(
        headers=[
            (b"x-request-id", b"r1"),
            (b"x-tallygate-cost-usd", b"0.1"),
            (b"x-tallygate-overhead-ms", b"0.4"),
            (b"x-ratelimit-remaining-requests", b"4"),
            (b"anthropic-ratelimit-tokens-reset", b"2026-11-20T12:00:00Z"),
            (b"retry-after-ms", b"1000"),
        ]
    )

    assert answer.headers_again() == [
        (b"x-request-id", b"r1"),
        (b"x-tallygate-cost-usd", b"0.1"),
        (b"idempotent-replayed", b"true"),
    ]

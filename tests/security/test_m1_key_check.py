"""M1: nothing but a whole key opens the calls door, and what was tried is not repeated."""

import dataclasses
import datetime as dt
import hashlib
import time
from types import SimpleNamespace
from typing import Any

import pytest

from catalog import keys, vault
from catalog.snapshot import KeyRow, TeamRow
from proxy import errors
from proxy.policies import GatewayKeyAuthentication
from proxy.requests import CallRequest

SECRET = "tg_abcdEFGH_" + "k" * keys.SECRET_LENGTH
PREFIX = SECRET[:11]
TEAM = TeamRow(id=1, name="search", models=("*",))
WRONG = {
    "SQL": "' OR '1'='1",
    "the prefix alone": PREFIX,
    "the prefix with another secret": f"{PREFIX}_{'x' * 40}",
    "one character less": SECRET[:-1],
    "one character more": f"{SECRET}k",
    "another case": SECRET.swapcase(),
    "a NUL at the end": f"{SECRET}\x00",
    "a line end inside": f"{SECRET[:20]}\n{SECRET[20:]}",
    "digits of another script": PREFIX + "_" + "\u00b2" * 40,
    "the digest": hashlib.sha256(SECRET.encode()).hexdigest(),
    "a megabyte": "k" * 1_000_000,
    "two keys": f"{SECRET},{SECRET}",
}


def let_in(*headers: tuple[bytes, bytes], **fields: Any) -> KeyRow:
    known = KeyRow(
        id=1,
        name="ci",
        prefix=PREFIX,
        digest=vault.keyed_hashes(SECRET)[0],
        team=TEAM,
        models=(),
        expires_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC),
    )
    row = dataclasses.replace(known, **fields)
    catalog = SimpleNamespace(keys={PREFIX: row})
    keeper = SimpleNamespace(current=SimpleNamespace(catalog=catalog))
    gateway: Any = SimpleNamespace(keeper=keeper, clock=time.monotonic)
    scope = {"method": "GET", "path": "/v1/models", "headers": list(headers)}

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    return GatewayKeyAuthentication().authenticate(CallRequest(scope, receive, gateway))[0]


def bearer(secret: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + secret.encode("latin-1", "replace")


def test_the_key_opens_in_either_header() -> None:
    assert let_in(bearer(SECRET)).team.name == "search"
    assert let_in((b"x-api-key", SECRET.encode())).team.name == "search"


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("header", [b"authorization", b"x-api-key"])
def test_anything_else_does_not_and_is_not_repeated(name: str, header: bytes) -> None:
    tried = WRONG[name].encode("latin-1", "replace")
    value = b"Bearer " + tried if header == b"authorization" else tried
    with pytest.raises(errors.Unauthorized) as refused:
        let_in((header, value))
    assert refused.value.status == 401
    assert WRONG[name] not in refused.value.message


def test_a_wrong_bearer_is_not_rescued_by_a_good_x_api_key() -> None:
    with pytest.raises(errors.Unauthorized):
        let_in(bearer("wrong"), (b"x-api-key", SECRET.encode()))


def test_two_authorization_headers_are_refused() -> None:
    with pytest.raises(errors.CallError):
        let_in(bearer("wrong"), bearer(SECRET))


OVER: dict[str, Any] = {
    "expires_at": dt.datetime(2026, 11, 13, tzinfo=dt.UTC),
    "replaced_at": dt.datetime(2026, 11, 12, tzinfo=dt.UTC),
}


def test_who_holds_a_secret_that_was_replaced_is_told_when() -> None:
    with pytest.raises(errors.Unauthorized) as refused:
        let_in(bearer(SECRET), **OVER)

    told = refused.value
    assert (told.status, told.type, told.code) == (401, "invalid_request_error", "expired_api_key")
    assert told.message == (
        "This secret was replaced on 2026-11-12 and works no more: use the new one. Whoever keeps your team's"
        " keys has it, or makes another."
    )


def test_of_a_key_that_expired_nothing_is_said_of_a_new_one() -> None:
    with pytest.raises(errors.Unauthorized, match="This API key expired on 2026-11-13"):
        let_in(bearer(SECRET), **OVER | {"replaced_at": None})


@pytest.mark.parametrize("name", WRONG)
def test_nobody_else_is_told_that_it_was_ever_there(name: str) -> None:
    """The prefix is on pages and in logs: with it alone one learns nothing."""
    with pytest.raises(errors.Unauthorized) as refused:
        let_in(bearer(WRONG[name]), **OVER)

    assert (refused.value.code, "2026" in refused.value.message) == ("invalid_api_key", False)
    assert "replaced" not in refused.value.message


def test_during_the_overlap_it_works() -> None:
    soon = dt.datetime(2999, 1, 1, tzinfo=dt.UTC)

    assert let_in(bearer(SECRET), **OVER | {"expires_at": soon}).name == "ci"

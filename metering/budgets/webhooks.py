"""Posting a notice, signed, to nobody but public addresses and networks that the operator opened.

``Tallygate-Signature: t=1763640000,v1=<hex>``: HMAC-SHA256 of ``<t>.<body>`` under the webhook's secret, the
scheme of Stripe's webhooks (https://docs.stripe.com/webhooks#verify-manually). Receivers compare it, refuse a
``t`` of long ago, and know by the event's ``id`` what they have already.
"""

import asyncio
import hashlib
import hmac
import secrets
import socket
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2

from catalog import vault
from catalog.guard import Guard, OpenNetwork

TRY_SECONDS = 10.0
SIGNATURE = "Tallygate-Signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with


class Answer(NamedTuple):
    """What came of a try. ``final``: another one would end alike."""

    arrived: bool
    said: str
    final: bool = False


def new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(32)


def signature(*, secret: str, body: bytes, timestamp: int) -> str:
    """The header's value. ``timestamp``: Unix seconds."""
    signed = hmac.new(secret.encode(), str(timestamp).encode() + b"." + body, hashlib.sha256)
    return f"t={timestamp},v1={signed.hexdigest()}"


class Poster:
    """``opened``: networks beside the public ones that webhooks may lead to (WEBHOOK_NETWORKS)."""

    def __init__(self, *, opened: Sequence[OpenNetwork] = ()) -> None:
        self._guard = Guard(opened)

    async def post(self, *, url: str, secret_encrypted: str, body: bytes, timestamp: int) -> Answer:
        """One try; raises nothing."""
        try:
            secret = vault.decrypt(secret_encrypted)
            async with asyncio.timeout(TRY_SECONDS):
                status = await self._post(url, body, signature(secret=secret, body=body, timestamp=timestamp))
        except vault.CredentialUnreadable:
            return Answer(False, "the secret was encrypted under another SECRET_KEY", final=True)
        except TimeoutError:
            return Answer(False, f"no answer within {TRY_SECONDS:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return Answer(False, f"{type(error).__name__}: {error}")
        return Answer(200 <= status < 300, f"HTTP {status}")

    async def _post(self, url: str, body: bytes, signed: str) -> int:
        """The status. The connection goes to the very address that was judged; redirects are not followed."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}[parts.scheme]
        address = await self._address(host, port)
        shown = f"[{address}]" if ":" in address else address
        headers = {
            "Host": parts.netloc.rpartition("@")[2],
            "Content-Type": "application/json",
            "User-Agent": "Tallygate",
            SIGNATURE: signed,
        }
        async with (
            httpx2.AsyncClient(timeout=TRY_SECONDS, trust_env=False, follow_redirects=False) as client,
            client.stream(
                "POST",
                parts._replace(netloc=f"{shown}:{port}", fragment="").geturl(),
                content=body,
                headers=headers,
                extensions={"sni_hostname": host},
            ) as response,
        ):
            return response.status_code

    async def _address(self, host: str, port: int) -> str:
        """The first address of ``host`` that may be talked to. Raises PermissionError when there is none."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for *_, (address, *_) in found:
            if self._guard.admits(str(address), port):
                return str(address)
        raise PermissionError("the address is inside, and not in WEBHOOK_NETWORKS")

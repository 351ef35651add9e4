"""Fetches what callers' links lead to (images, PDFs) for vendors that cannot fetch it themselves.

The URL is the caller's word, so this is the one place where a caller chooses whom the gateway talks to: see
``guard`` for where a link may lead, and docs/decisions/0015 for what a caller learns from a failure.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver

from catalog.guard import Guard, OpenNetwork
from proxy import errors
from proxy.links import content
from proxy.links.names import LinkNames
from proxy.links.urls import Refused, next_hop, parsed, shown

MEBIBYTE = 1024 * 1024
MAX_LINK_BYTES = 20 * MEBIBYTE  # OpenAI's most for one image, Gemini's for one request with inline data
MAX_REQUEST_BYTES = 50 * MEBIBYTE  # OpenAI's most for all images of one request
MAX_REQUEST_LINKS = 100  # Anthropic's most images of one request; each may make a stranger's server work
MAX_REQUEST_FETCHES = 8  # at the same time
MAX_WORKER_FETCHES = 256  # at the same time; each has a socket and a buffer
MAX_REDIRECTS = 3
LINK_SECONDS = 10.0  # from the first name lookup to the last byte, redirects included

REDIRECTS = {301, 302, 303, 307, 308}
HEADERS = {
    "User-Agent": "Tallygate",
    "Accept": content.ACCEPTED,
    "Accept-Encoding": "identity",  # what is small on the wire must be small in memory
}
# One sentence for everything that can go wrong before a server answers: see Decision 0015.
UNFETCHED = (
    "could not be fetched: it must be at a public address, at port 80 or 443, "
    "and arrive within {seconds:g} seconds"
)
UNSUPPORTED = "is none of PNG, JPEG, GIF, WebP, PDF, plain text in UTF-8 or audio"
TOO_MANY = "Make them fewer, or send the content itself as data: URLs."

Keep = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """``data`` is whole and uncompressed; ``url`` is the link as the caller wrote it."""

    media_type: str  # without parameters
    data: bytes
    url: str


class Links:
    """A session of its own: no cookies, no proxy of the environment, no connection used twice.

    ``start`` inside the worker's event loop. ``stop`` closes the resolver too.
    """

    def __init__(
        self,
        *,
        opened: Iterable[OpenNetwork] = (),
        resolver: AbstractResolver | None = None,
        seconds: float = LINK_SECONDS,
        most_fetches: int = MAX_WORKER_FETCHES,
    ) -> None:
        self._guard = Guard(tuple(opened))
        self._names = resolver or LinkNames()
        self._seconds = seconds
        self._most_fetches = most_fetches
        self._session: aiohttp.ClientSession | None = None
        self._fetching = 0

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # bounded in fetch
                resolver=self._names,
                use_dns_cache=False,
                force_close=True,
                socket_factory=self._guard.socket_for,
            ),
            headers=HEADERS,
            timeout=aiohttp.ClientTimeout(total=None),  # kept in fetch
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        await self._names.close()

    async def fetch_all(self, urls: Iterable[str], *, keep: Keep) -> dict[str, Fetched]:
        """Each link once, by its URL; the first failure cancels the others. Raises what ``fetch`` does."""
        distinct = list(dict.fromkeys(urls))
        if len(distinct) > MAX_REQUEST_LINKS:
            raise errors.BadRequest(
                f"{len(distinct)} links are more than the {MAX_REQUEST_LINKS} of one request. {TOO_MANY}",
                code="too_many_links",
            )
        slots, total = asyncio.Semaphore(MAX_REQUEST_FETCHES), _Total(keep)

        async def fetched(url: str) -> Fetched:
            async with slots:
                return await self.fetch(url, keep=total.keep)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = {url: group.create_task(fetched(url)) for url in distinct}
        except BaseExceptionGroup as failures:
            first = failures.exceptions[0]
            raise first from first.__cause__
        return {url: task.result() for url, task in tasks.items()}

    async def fetch(self, url: str, *, keep: Keep) -> Fetched:
        """What the link leads to. ``keep`` is told of bytes as they come, and raises when there is no room.

        Raises BadRequest (``invalid_image_url``), or Unavailable when the worker fetches too much already.
        """
        if self._fetching >= self._most_fetches:
            raise errors.Unavailable("The gateway fetches too many links.", code="overloaded", retry_after=1)
        self._fetching += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await self._followed(url, keep)
        except Refused as refusal:
            raise _invalid(url, refusal.reason) from refusal
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a name too odd to look up
            raise _invalid(url, UNFETCHED.format(seconds=self._seconds)) from error
        finally:
            self._fetching -= 1

    async def _followed(self, url: str, keep: Keep) -> Fetched:
        """By hand, so that every hop is judged as the first one was."""
        assert self._session is not None
        target = parsed(url)
        for _ in range(MAX_REDIRECTS + 1):
            async with self._session.get(target, allow_redirects=False) as response:
                location = response.headers.get("location")
                if response.status not in REDIRECTS or not location:
                    data = await _content(response, keep)
                    return Fetched(_media_type(data, response), data, url)
            target = next_hop(target, location)
        raise Refused(f"redirects more than {MAX_REDIRECTS} times")


async def _content(response: aiohttp.ClientResponse, keep: Keep) -> bytes:
    """The body. Raises Refused as soon as it is known that it is not wanted."""
    if response.status != 200:
        raise Refused(f"was answered with status {response.status}")
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused("was answered with compressed content though none was asked for")
    if (response.content_length or 0) > MAX_LINK_BYTES:
        raise _too_large()
    body = bytearray()
    while piece := await response.content.readany():
        keep(len(piece))
        body += piece
        if len(body) > MAX_LINK_BYTES:
            raise _too_large()
    return bytes(body)


def _media_type(data: bytes, response: aiohttp.ClientResponse) -> str:
    told = content.media_type(data, response.headers.get("content-type", ""))
    if told is None:
        raise Refused(UNSUPPORTED if data else "is empty")
    return told


def _too_large() -> Refused:
    return Refused(f"is larger than {MAX_LINK_BYTES // MEBIBYTE} MiB")


class _Total:
    """Counts the bytes of all links of one request. Raises BadRequest beyond MAX_REQUEST_BYTES."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._bytes = 0

    def keep(self, size: int) -> None:
        self._bytes += size
        if self._bytes > MAX_REQUEST_BYTES:
            raise errors.BadRequest(
                f"The links are larger than {MAX_REQUEST_BYTES // MEBIBYTE} MiB together. {TOO_MANY}",
                code="links_too_large",
            )
        self._keep(size)


def _invalid(url: str, reason: str) -> errors.BadRequest:
    return errors.BadRequest(
        f"The link {shown(url)} {reason}. Mend it, or send the content as a data: URL.",
        code="invalid_image_url",
    )

"""Fetching what callers' links lead to."""

import asyncio
import gzip

import pytest
import uvloop
from aiohttp import web

from catalog.guard import open_networks
from gateway_project import env
from proxy import errors
from proxy.links.fetching import LINK_SECONDS, Fetched, Links
from proxy.links.urls import shown
from tests.proxy.link_server import PNG, Handler, Pages, links_to, page, redirect, serving, talking, unlimited

LOOPBACK = "127.0.0.0/8"
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 "
WAV = b"RIFF\x10\x00\x00\x00WAVEfmt "


async def fetched(handler: Handler) -> Fetched:
    async with serving(handler) as port, links_to(LOOPBACK) as fetcher:
        return await fetcher.fetch(f"http://127.0.0.1:{port}/x", keep=unlimited)


async def refusal(handler: Handler) -> str:
    """The reason, without what all messages share."""
    with pytest.raises(errors.BadRequest) as caught:
        await fetched(handler)
    assert (caught.value.status, caught.value.code) == (400, "invalid_image_url")
    message = caught.value.message.removesuffix(". Mend it, or send the content as a data: URL.")
    return message.partition("/x ")[2]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF87a...", "image/gif"),
        (b"GIF89a...", "image/gif"),
        (WEBP, "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
    ],
)
async def test_the_first_bytes_tell_the_media_type_whatever_the_server_says(
    body: bytes, media_type: str
) -> None:
    answer = await fetched(page(body, Content_Type="application/octet-stream"))
    assert (answer.media_type, answer.data) == (media_type, body)


@pytest.mark.parametrize(
    ("said", "body", "media_type"),
    [
        ("text/plain; charset=utf-8", "Grüße".encode(), "text/plain"),
        ("Audio/WAV", WAV, "audio/wav"),
        ("audio/mpeg", b"ID3\x04", "audio/mpeg"),
    ],
)
async def test_where_bytes_tell_nothing_the_server_is_believed_for_text_and_audio(
    said: str, body: bytes, media_type: str
) -> None:
    assert (await fetched(page(body, Content_Type=said))).media_type == media_type


@pytest.mark.parametrize(
    ("said", "body"),
    [
        ("image/png", b"<html>Please log in</html>"),
        ("text/html", b"<html></html>"),
        ("image/svg+xml", b"<svg/>"),
        ("image/webp", WAV),
        ("text/plain", b"\xff\xfe"),
        ("text/plain", b"a\0b"),
        ("video/mp4", b"\x00\x00\x00\x18ftyp"),
        ("application/json", b'{"secret": 1}'),
    ],
)
async def test_what_no_vendor_takes_is_refused(said: str, body: bytes) -> None:
    reason = await refusal(page(body, Content_Type=said))
    assert reason == "is none of PNG, JPEG, GIF, WebP, PDF, plain text in UTF-8 or audio"


async def test_an_empty_answer_is_refused() -> None:
    assert await refusal(page(b"", Content_Type="text/html")) == "is empty"


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
async def test_only_200_is_an_answer(status: int) -> None:
    body = b"" if status in (204, 304) else PNG
    assert await refusal(page(body, status=status)) == f"was answered with status {status}"


async def test_a_server_is_told_nothing_of_us_but_the_name_of_the_program() -> None:
    seen: list[dict[str, str]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        seen.append({name.lower(): value for name, value in request.headers.items() if name != "Host"})
        return web.Response(body=PNG, headers={"Set-Cookie": "visited=1; Path=/"})

    async with serving(answer) as port, links_to(LOOPBACK) as fetcher:
        for _ in range(2):
            await fetcher.fetch(f"http://127.0.0.1:{port}/", keep=unlimited)
    told = {
        "user-agent": "Tallygate",
        "accept": "image/png, image/jpeg, image/gif, image/webp, application/pdf, text/plain, audio/*",
        "accept-encoding": "identity",
        "connection": "close",
    }
    assert seen == [told, told]


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await fetched(page())).data == PNG


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    pages = Pages({"/x": redirect("y?size=2", status)})
    answer = await fetched(pages)
    assert (answer.data, answer.url.endswith("/x"), pages.asked) == (PNG, True, ["/x", "/y"])


async def test_three_redirects_are_followed_and_not_a_fourth() -> None:
    hops: dict[str, Handler] = {f"/{n}": redirect(f"/{n + 1}") for n in range(1, 4)}
    pages = Pages(hops | {"/x": redirect("/2")})
    assert (await fetched(pages)).data == PNG
    pages = Pages(hops | {"/x": redirect("/1")})
    assert await refusal(pages) == "redirects more than 3 times"
    assert pages.asked == ["/x", "/1", "/2", "/3"]


async def test_a_redirect_to_nowhere_is_an_answer_like_any_other() -> None:
    assert await refusal(page(b"", status=302)) == "was answered with status 302"


async def test_a_link_that_says_it_is_too_large_is_not_read() -> None:
    kept: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (20 * 1024 * 1024 + 1) + PNG)
        await writer.drain()
        await reader.read()

    async with talking(answer) as port, links_to(LOOPBACK) as fetcher:
        with pytest.raises(errors.BadRequest, match=r"/ is larger than 20 MiB\. "):
            await fetcher.fetch(f"http://127.0.0.1:{port}/", keep=kept.append)
    assert kept == []


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
async def test_a_link_of_unsaid_size_is_read_up_to_20_mib(more: int, fits: bool) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(PNG.ljust(20 * 1024 * 1024, b"\0"))
        await response.write(b"\0" * more)
        return response

    if fits:
        assert len((await fetched(answer)).data) == 20 * 1024 * 1024
    else:
        assert await refusal(answer) == "is larger than 20 MiB"


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_compressed_content_is_refused_unread(encoding: str) -> None:
    bomb = gzip.compress(PNG + bytes(1024 * 1024))
    assert await refusal(page(bomb, Content_Encoding=encoding)) == (
        "was answered with compressed content though none was asked for"
    )


async def test_content_that_says_it_is_not_encoded_is_taken() -> None:
    assert (await fetched(page(Content_Encoding="Identity"))).data == PNG


async def test_a_request_counts_what_it_holds_of_links() -> None:
    kept: list[int] = []
    async with serving(page()) as port, links_to(LOOPBACK) as fetcher:
        await fetcher.fetch_all([f"http://127.0.0.1:{port}/{n}" for n in range(3)], keep=kept.append)
    assert sum(kept) == 3 * len(PNG)


async def test_a_worker_without_room_is_not_the_callers_fault() -> None:
    def full(size: int) -> None:
        raise errors.Unavailable("The gateway holds too many large bodies.", code="overloaded")

    async with serving(page()) as port, links_to(LOOPBACK) as fetcher:
        with pytest.raises(errors.Unavailable, match="too many large bodies"):
            await fetcher.fetch_all([f"http://127.0.0.1:{port}/"], keep=full)


async def test_the_same_link_is_fetched_once() -> None:
    pages = Pages()
    async with serving(pages) as port, links_to(LOOPBACK) as fetcher:
        first, second = f"http://127.0.0.1:{port}/1", f"http://127.0.0.1:{port}/2"
        answers = await fetcher.fetch_all([first, second, first], keep=unlimited)
    assert answers == {first: Fetched("image/png", PNG, first), second: Fetched("image/png", PNG, second)}
    assert sorted(pages.asked) == ["/1", "/2"]


async def test_no_links_are_no_work() -> None:
    async with links_to() as fetcher:
        assert await fetcher.fetch_all([], keep=unlimited) == {}


async def test_a_request_fetches_eight_at_a_time() -> None:
    running, most = 0, 0

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return web.Response(body=PNG)

    async with serving(answer) as port, links_to(LOOPBACK) as fetcher:
        answers = await fetcher.fetch_all([f"http://127.0.0.1:{port}/{n}" for n in range(20)], keep=unlimited)
    assert (len(answers), most) == (20, 8)


async def test_the_first_failure_cancels_the_others() -> None:
    left = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()

    async with talking(never) as slow, serving(page(status=404)) as bad, links_to(LOOPBACK) as fetcher:
        with pytest.raises(errors.BadRequest, match=f":{bad}/ was answered with status 404"):
            await fetcher.fetch_all([f"http://127.0.0.1:{slow}/", f"http://127.0.0.1:{bad}/"], keep=unlimited)
        await asyncio.wait_for(left.wait(), 2)


async def test_a_request_has_at_most_100_links() -> None:
    pages = Pages()
    async with serving(pages) as port, links_to(LOOPBACK) as fetcher:
        urls = [f"http://127.0.0.1:{port}/{n}" for n in range(101)]
        assert len(await fetcher.fetch_all(urls[:100], keep=unlimited)) == 100
        pages.asked.clear()
        with pytest.raises(errors.BadRequest, match="101 links are more than the 100") as caught:
            await fetcher.fetch_all(urls, keep=unlimited)
    assert (caught.value.code, pages.asked) == ("too_many_links", [])


async def test_the_links_of_a_request_have_at_most_50_mib_together() -> None:
    large = page(PNG.ljust(18 * 1024 * 1024, b"\0"))
    async with serving(large) as port, links_to(LOOPBACK) as fetcher:
        with pytest.raises(errors.BadRequest, match="larger than 50 MiB together") as caught:
            await fetcher.fetch_all([f"http://127.0.0.1:{port}/{n}" for n in range(3)], keep=unlimited)
    assert caught.value.code == "links_too_large"


async def test_a_worker_fetches_so_many_at_a_time_and_then_again() -> None:
    go = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await go.wait()
        return web.Response(body=PNG)

    async with serving(answer) as port, links_to(LOOPBACK, most_fetches=2) as fetcher:
        url = f"http://127.0.0.1:{port}/"
        under_way = [asyncio.create_task(fetcher.fetch(url, keep=unlimited)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(errors.Unavailable) as caught:
            await fetcher.fetch(url, keep=unlimited)
        assert (caught.value.code, caught.value.retry_after) == ("overloaded", 1)
        go.set()
        await asyncio.gather(*under_way)
        assert (await fetcher.fetch(url, keep=unlimited)).data == PNG


async def test_the_time_of_a_link_includes_all_its_parts() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
        while True:
            await asyncio.sleep(0.05)
            writer.write(b"\0")
            await writer.drain()

    loop = asyncio.get_running_loop()
    async with talking(answer) as port, links_to(LOOPBACK, seconds=0.4) as fetcher:
        began = loop.time()
        with pytest.raises(errors.BadRequest, match=r"and arrive within 0\.4 seconds"):
            await fetcher.fetch(f"http://127.0.0.1:{port}/", keep=unlimited)
        assert 0.4 <= loop.time() - began < 2


def test_a_link_has_10_seconds() -> None:
    assert LINK_SECONDS == 10


async def test_headers_without_end_are_cut_off() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(10_000):  # 40 MB
            writer.write(b"x-%d: %s\r\n" % (number, b"y" * 4_000))
            await writer.drain()
        raise AssertionError("the fetcher read all of it")

    async with talking(answer) as port, links_to(LOOPBACK) as fetcher:
        with pytest.raises(errors.BadRequest, match="could not be fetched"):
            await fetcher.fetch(f"http://127.0.0.1:{port}/", keep=unlimited)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://h.test/a.png?signature=secret#part", "https://h.test/a.png"),
        ("https://user:secret@h.test/a", "https://h.test/a"),
        ("http://h.test/" + "a" * 300, "http://h.test/" + "a" * 186),
        ("http://h.test/\r\nx", "http://h.test/x"),
        ("data:image/png;base64,c2VjcmV0", "data:..."),
        ("file:///etc/passwd", "file:..."),
        ("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "of a message"),
    ],
)
def test_a_message_shows_the_link_without_what_may_be_secret(url: str, text: str) -> None:
    assert shown(url) == text


@pytest.mark.parametrize(
    ("text", "network", "port"),
    [
        ("10.1.0.0/16", "10.1.0.0/16", None),
        (" 10.1.2.3/32:9000", "10.1.2.3/32", 9000),
        ("fd00:1::/64", "fd00:1::/64", None),
        ("fd00:1::/64:9000", "fd00:1::/64", 9000),
    ],
)
def test_an_open_network_has_every_port_or_one(text: str, network: str, port: int | None) -> None:
    (opened,) = open_networks([text, ""])
    assert (str(opened.network), opened.port) == (network, port)


def test_link_networks_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINK_NETWORKS", raising=False)
    assert env.read().link_networks == ()
    monkeypatch.setenv("LINK_NETWORKS", "10.1.0.0/16, 10.2.3.4/32:9000")
    assert env.read().link_networks == open_networks(["10.1.0.0/16", "10.2.3.4/32:9000"])


@pytest.mark.parametrize(
    "text",
    ["10.1.2.3", "10.1.2.3/16", "intranet", "10.0.0.0/8:http", "10.0.0.0/8:0", "10.0.0.0/8:", "::/129"],
)
def test_a_network_that_is_none_says_how_to_write_it(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINK_NETWORKS", text)
    with pytest.raises(env.UnusableSetting, match=r"LINK_NETWORKS=10\.1\.0\.0/16"):
        env.read()


def test_the_event_loop_that_serves_fetches_and_refuses_too() -> None:
    async def both() -> bytes:
        async with serving(page()) as port, links_to(LOOPBACK) as opened, links_to() as closed:
            url = f"http://127.0.0.1:{port}/"
            with pytest.raises(errors.BadRequest, match="could not be fetched"):
                await closed.fetch(url, keep=unlimited)
            return (await opened.fetch(url, keep=unlimited)).data

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(both()) == PNG


async def test_a_fetcher_that_never_started_stops() -> None:
    await Links().stop()

"""Check K15: an image arrives at whatever vendor with its media type, or the caller is told why not.

``blind-*`` are providers that do not follow links: the gateway fetches those itself, here from a picture
server on a loopback address that the operator opened (LINK_NETWORKS).
"""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.live import situations
from tests.live.house import Databases, House, Row, Vendors
from tests.live.situations import MODELS, PIXEL
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, SURFACES, Surface

pytestmark = pytest.mark.live

BLIND = """
[[providers]]
name = "blind-{kind}"
kind = "{kind}"
base_url = "SANDBOX/@blind{version}"
api_key = "blind-of-the-gateway"
follows_links = false
[providers.policy]
max_attempts = 1

[[models]]
provider = "blind-{kind}"
name = "{model}"
max_output_tokens = 4096

[[routes]]
name = "blind-{kind}-then-claude"
strategy = "ordered"
targets = [{{ model = "blind-{kind}/{model}" }}, {{ model = "anthropic/claude-haiku-4-5" }}]
"""
BLINDS = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-pro",
    "openai_compatible": "llama-at-home",
}
CONFIGURATION = situations.CONFIGURATION + "".join(
    BLIND.format(kind=kind, model=model, version="/v1" if kind.startswith("openai") else "")
    for kind, model in BLINDS.items()
)
IMAGES = {
    "image/png": base64.b64decode(PIXEL),
    "image/jpeg": b"\xff\xd8\xff\xe0" + b"j" * 20,
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 " + b"w" * 20,
    "image/gif": b"GIF89a\x01\0\x01\0" + b"g" * 20,
}
LINK = "https://pictures.example.com/a.png"
EACH_MODEL = pytest.mark.parametrize("model", MODELS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
EACH_IMAGE = pytest.mark.parametrize("mime", IMAGES)


class Pictures(BaseHTTPRequestHandler):
    """``/png`` is the PNG; with ``/png?nameless`` the server does not say what it is."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        kind, _, nameless = self.path[1:].partition("?")
        data = IMAGES[f"image/{kind}"]
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if nameless else f"image/{kind}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Not into the tests' output."""


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    """The URL of a picture server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _unasked() -> None:
    Pictures.asked.clear()


@pytest.fixture(scope="module")
def house_of_module(
    databases: Databases,
    configured: tuple[str, str],
    vendors_of_session: Vendors,
    folder: Path,
    settings_of_houses: dict[str, str],
) -> Iterator[House]:
    """The house of these tests, whose operator lets links lead to loopback addresses."""
    name = databases.create(template=configured[0])
    house = House(
        database_url=databases.url(name),
        vendors=vendors_of_session,
        key=configured[1],
        folder=folder,
        workers=2,
        env=settings_of_houses | {"LINK_NETWORKS": "127.0.0.0/8"},
    )
    try:
        house.apply(CONFIGURATION)
        yield house.start()
    finally:
        house.close()
        databases.drop(name)


def data_url(mime: str) -> str:
    return f"data:{mime};base64,{encoded(mime)}"


def encoded(mime: str) -> str:
    return base64.b64encode(IMAGES[mime]).decode()


def shown(surface: Surface, url: str) -> Row:
    """An image as a part of a message, or of a tool's result."""
    if surface is CHAT:
        return {"type": "image_url", "image_url": {"url": url}}
    if surface is RESPONSES:
        return {"type": "input_image", "image_url": url, "detail": "auto"}
    head, _, data = url.partition(";base64,")
    if data:
        source = {"type": "base64", "media_type": head.removeprefix("data:"), "data": data}
        return {"type": "image", "source": source}
    return {"type": "image", "source": {"type": "url", "url": url}}


def seen_by_user(surface: Surface, url: str) -> Row:
    text = {"type": "input_text" if surface is RESPONSES else "text", "text": "describe the image"}
    turns = [{"role": "user", "content": [text, shown(surface, url)]}]
    if surface is RESPONSES:
        return {"input": turns, "store": False}
    ceiling = {"max_tokens": 400} if surface is MESSAGES else {}
    return {"messages": turns, **ceiling}


def seen_by_tool(surface: Surface, url: str) -> Row:
    """A tool's result that is an image."""
    asked = {"role": "user", "content": "look"}
    image = [shown(surface, url)]
    schema = {"type": "object", "properties": {}}
    if surface is CHAT:
        call = {"id": "call_1", "type": "function", "function": {"name": "see", "arguments": "{}"}}
        turns = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": image},
        ]
        tools: list[Row] = [{"type": "function", "function": {"name": "see", "parameters": schema}}]
        return {"messages": [asked, *turns], "tools": tools}
    if surface is MESSAGES:
        use = {"type": "tool_use", "id": "call_1", "name": "see", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": image}
        turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        tools = [{"name": "see", "input_schema": schema}]
        return {"messages": [asked, *turns], "tools": tools, "max_tokens": 400}
    items: list[Row] = [
        {"type": "function_call", "call_id": "call_1", "name": "see", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": image},
    ]
    tools = [{"type": "function", "name": "see", "parameters": schema, "strict": False}]
    return {"input": [asked, *items], "tools": tools, "store": False}


def images_in(value: Any) -> list[tuple[str, str]]:
    """(media type, base64 or URL) of every image in a vendor's request; the type of a link may be empty."""
    if isinstance(value, list):
        return [found for inner in value for found in images_in(inner)]
    if not isinstance(value, dict):
        return []
    if value.get("type") == "base64":
        return [(value["media_type"], value["data"])]
    if value.get("type") == "url":
        return [("", value["url"])]
    if "mimeType" in value:
        return [(value["mimeType"], value.get("data") or value["fileUri"])]
    found = [image for name, inner in value.items() if name != "image_url" for image in images_in(inner)]
    url = value.get("image_url")
    url = url.get("url") if isinstance(url, dict) else url
    return found + ([_of_url(url)] if isinstance(url, str) else [])


def _of_url(url: str) -> tuple[str, str]:
    head, _, data = url.partition(";base64,")
    return (head.removeprefix("data:"), data) if data else ("", url)


def post(house: House, surface: Surface, model: str, body: Row) -> httpx2.Response:
    return house.http.post(surface.path, json={"model": model, **body}, headers=house.headers())


def arrived(house: House, surface: Surface, model: str, body: Row) -> list[tuple[str, str]]:
    """The images that the vendor was sent for a call that it answered."""
    answer = post(house, surface, model, body)
    assert answer.status_code == 200, answer.text
    [call] = house.vendors.calls(answer.headers["x-request-id"])
    return images_in(call["body"])


def has_no_gif(model: str, mime: str) -> bool:
    return model.startswith("gemini") and mime == "image/gif"


@EACH_IMAGE
@EACH_SURFACE
@EACH_MODEL
def test_k15_an_image_in_a_message_arrives(house: House, surface: Surface, model: str, mime: str) -> None:
    body = seen_by_user(surface, data_url(mime))
    if has_no_gif(model, mime):
        _check_refused(house, surface, model, body)
        return

    assert arrived(house, surface, model, body) == [(mime, encoded(mime))]


@EACH_IMAGE
@EACH_SURFACE
@EACH_MODEL
def test_k15_an_image_in_a_tools_result_arrives(
    house: House, surface: Surface, model: str, mime: str
) -> None:
    body = seen_by_tool(surface, data_url(mime))
    if has_no_gif(model, mime):
        _check_refused(house, surface, model, body)
    elif (surface, model) == (CHAT, "gpt-4o"):  # the same wire: OpenAI says itself that it takes none there
        assert post(house, surface, model, body).status_code == 400
    else:
        assert arrived(house, surface, model, body) == [(mime, encoded(mime))]


def _check_refused(house: House, surface: Surface, model: str, body: Row) -> None:
    answer = post(house, surface, model, body)

    assert answer.status_code == 400
    assert "gif" in surface.error_of(answer.json())["message"]
    assert house.vendors.calls() == []


@EACH_SURFACE
@EACH_MODEL
def test_k15_a_link_goes_to_vendors_that_follow_it(house: House, surface: Surface, model: str) -> None:
    [(_, url)] = arrived(house, surface, model, seen_by_user(surface, LINK))

    assert url == LINK


@EACH_SURFACE
@EACH_MODEL
def test_k15_a_link_in_a_tools_result_goes_to_vendors_that_follow_it(
    house: House, surface: Surface, model: str
) -> None:
    if (surface, model) == (CHAT, "gpt-4o"):  # see above
        assert post(house, surface, model, seen_by_tool(surface, LINK)).status_code == 400
        return

    [(_, url)] = arrived(house, surface, model, seen_by_tool(surface, LINK))

    assert url == LINK


@EACH_IMAGE
@EACH_SURFACE
@pytest.mark.parametrize("kind", BLINDS)
def test_k15_for_others_the_gateway_fetches_it(
    house: House, surface: Surface, kind: str, mime: str, pictures: str
) -> None:
    path = mime.replace("image", "")
    model = f"blind-{kind}/{BLINDS[kind]}"
    body = seen_by_user(surface, pictures + path)
    if has_no_gif(BLINDS[kind], mime):
        _check_refused(house, surface, model, body)
        return

    assert arrived(house, surface, model, body) == [(mime, encoded(mime))]
    assert Pictures.asked == [path]


@pytest.mark.parametrize("kind", BLINDS)
def test_k15_an_image_is_known_by_its_bytes_when_its_server_does_not_say(
    house: House, kind: str, pictures: str
) -> None:
    body = seen_by_user(CHAT, f"{pictures}/webp?nameless")

    found = arrived(house, CHAT, f"blind-{kind}/{BLINDS[kind]}", body)

    assert found == [("image/webp", encoded("image/webp"))]


@pytest.mark.parametrize("kind", BLINDS)
def test_k15_what_was_fetched_for_one_target_is_not_in_the_request_for_the_next(
    house: House, kind: str, pictures: str
) -> None:
    house.vendors.behave({"match": {"site": "blind"}, "status": 500})
    link = f"{pictures}/png".replace("http://", "https://")  # Claude follows https alone
    body = seen_by_user(CHAT, link)
    answer = post(house, CHAT, f"blind-{kind}-then-claude", body)
    # there is no TLS on the picture server: who needs us to fetch it gives way to who does not
    assert answer.status_code == 200, answer.text
    [call] = house.vendors.calls(answer.headers["x-request-id"])
    assert [image for _, image in images_in(call["body"])] == [link]

    answer = post(house, CHAT, f"blind-{kind}-then-claude", seen_by_user(CHAT, f"{pictures}/png"))

    assert answer.status_code == 200, answer.text
    blind, seeing = house.vendors.calls(answer.headers["x-request-id"])
    assert images_in(blind["body"]) == [("image/png", encoded("image/png"))]
    [(_, found)] = images_in(seeing["body"])
    assert found in (f"{pictures}/png", encoded("image/png"))  # Claude takes no http links
    assert Pictures.asked == ["/png"]


def test_k15_the_shape_of_a_fetched_links_refusal(house: House, pictures: str) -> None:
    """A link that leads nowhere is the caller's to know, by its place."""
    answer = post(house, CHAT, "blind-openai/gpt-4o-mini", seen_by_user(CHAT, "http://127.0.0.1:9/none.png"))

    assert answer.status_code == 400
    assert "127.0.0.1:9" in answer.json()["error"]["message"]
    assert house.vendors.calls() == []
    assert house.entries(answer.headers["x-request-id"]) == []

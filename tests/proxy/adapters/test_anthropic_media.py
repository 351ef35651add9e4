"""Images and documents as Anthropic's sources."""

import base64
import json
from typing import Any

import pytest

from proxy.adapters.base import Target
from proxy.adapters.registry import adapter_for
from proxy.interchange.dialect import Call, Link
from tests.proxy.adapters.anthropic_calls import (
    called,
    check_shape,
    dropped,
    image,
    invalid,
    refused,
    result,
    text,
    to,
    user,
)
from tests.proxy.adapters.drive import USER, call, target

PNG = base64.b64encode(b"\x89PNG").decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def content(*parts: dict[str, Any]) -> list[Any]:
    """What becomes of one user message's parts."""
    found: list[Any] = to(messages=[user(*parts)])["messages"][0]["content"]
    return found


def test_an_image_in_a_result_stays_an_image() -> None:
    """checks K15"""
    parts = [*text("see"), image(f"data:image/webp;base64,{PNG}")]
    body = to(messages=[*USER, called("weather"), result("weather", parts)])
    source = {"type": "base64", "media_type": "image/webp", "data": PNG}
    assert body["messages"][2]["content"][0]["content"] == [*text("see"), {"type": "image", "source": source}]


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_an_image_keeps_its_own_type(kind: str) -> None:
    """checks K15"""
    source = {"type": "base64", "media_type": f"image/{kind}", "data": PNG}
    assert content(image(f"data:image/{kind};base64,{PNG}")) == [{"type": "image", "source": source}]


def test_an_image_by_its_link() -> None:
    source = {"type": "url", "url": "https://example.com/a.png"}
    assert content(image("https://example.com/a.png")) == [{"type": "image", "source": source}]


@pytest.mark.parametrize("kind", ["image/tiff", "", "application/pdf"])
def test_an_image_that_anthropic_cannot_see_is_refused(kind: str) -> None:
    part = image(f"data:{kind};base64,{PNG}")
    assert refused(messages=[user(*text("see"), part)]).field == "messages[0].content[1]"


def test_the_detail_of_an_image_is_named_as_dropped() -> None:
    url = "https://example.com/a.png"
    assert dropped(messages=[user(image(url, detail="high"))]) == ("detail",)
    assert dropped(messages=[user(image(url, detail="auto"))]) == ()


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"file_data": PDF}, {"type": "base64", "media_type": "application/pdf", "data": PDF}),
        (
            {"file_data": f"data:application/pdf;base64,{PDF}"},
            {"type": "base64", "media_type": "application/pdf", "data": PDF},
        ),
        ({"file_data": "https://example.com/a.pdf"}, {"type": "url", "url": "https://example.com/a.pdf"}),
        (
            {"file_data": "data:text/csv;base64,YSxiw7w="},
            {"type": "text", "media_type": "text/plain", "data": "a,b\u00fc"},
        ),
        ({"file_id": "file_011C"}, {"type": "file", "file_id": "file_011C"}),
    ],
)
def test_a_document(given: dict[str, Any], source: dict[str, Any]) -> None:
    assert content(file(filename="a", **given)) == [{"type": "document", "source": source, "title": "a"}]


@pytest.mark.parametrize(
    "given", [{"file_data": "data:application/zip;base64,UEs="}, {"file_id": "file-openai"}]
)
def test_a_file_that_anthropic_cannot_read_is_refused(given: dict[str, Any]) -> None:
    assert refused(messages=[user(file(**given))]).field == "messages[0].content[0]"


@pytest.mark.parametrize("data", ["%%%", "gICA"])
def test_a_text_file_that_is_no_text_is_invalid(data: str) -> None:
    part = file(file_data=f"data:text/plain;base64,{data}")
    assert invalid(messages=[user(part)]).field == "messages[0].content[0]"


def test_audio_is_refused() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    assert refused(messages=[user(*text("hear"), part)]).field == "messages[0].content[1]"


LINKED = [
    user(image("http://example.com/a.png"), image("https://example.com/b.png")),
    called("weather"),
    result("weather", [image("http://example.com/a.png"), image("HTTPS://example.com/c.png")]),
]


@pytest.mark.parametrize(
    ("follows", "expected"),
    [
        (True, ("http://example.com/a.png",)),
        (False, ("http://example.com/a.png", "https://example.com/b.png", "HTTPS://example.com/c.png")),
    ],
)
def test_links_that_anthropic_does_not_follow_are_fetched(follows: bool, expected: tuple[str, ...]) -> None:
    aimed = Target("anthropic", "https://vendor.test", "claude-opus-4-8", "key", follows_links=follows)
    assert adapter_for("anthropic").links_for(call(messages=LINKED), aimed) == expected


def test_a_fetched_link_goes_as_its_bytes() -> None:
    asked = call(messages=[user(image("http://a.test/x"), file(file_data="http://a.test/y"))])
    links = {
        "http://a.test/x": Link("image/png; charset=binary", b"\x89PNG"),
        "http://a.test/y": Link("text/plain", "\u00fc".encode()),
    }
    fetched = Call(dialect=asked.dialect, body=asked.body, raw=asked.raw, links=links)
    body = json.loads(adapter_for("anthropic").request_for(fetched, target("anthropic")).body)
    check_shape(body)
    assert [block["source"] for block in body["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": PNG},
        {"type": "text", "media_type": "text/plain", "data": "\u00fc"},
    ]

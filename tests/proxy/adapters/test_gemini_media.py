"""Images, documents and audio as Gemini's parts (checks K15)."""

import base64
import dataclasses
from typing import Any

import pytest

from proxy.adapters.base import InvalidField, Target, UnsupportedField
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.interchange.dialect import Call, Link
from proxy.interchange.wire import maybe_decoded
from tests.proxy.adapters.drive import call, target

GEMINI = GeminiAdapter()
DEAF = dataclasses.replace(target("gemini"), follows_links=False)
HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/webp": b"RIFF\0\0\0\0WEBP",
    "application/pdf": b"%PDF-1.7",
}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(data: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data, "filename": "a", **more}}


def asked(part: dict[str, Any], **links: Any) -> Call:
    return dataclasses.replace(call(messages=[{"role": "user", "content": [part]}]), **links)


def parts(part: dict[str, Any], at: Target | None = None, **links: Any) -> Any:
    body = GEMINI.request_for(asked(part, **links), at or target("gemini")).body
    return maybe_decoded(body)["contents"][0]["parts"]


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/webp", "image/heic"])
def test_an_image_keeps_its_media_type(kind: str) -> None:
    assert parts(image(f"data:{kind};base64,AAAA")) == [{"inlineData": {"mimeType": kind, "data": "AAAA"}}]


def test_a_media_type_that_does_not_exist_is_put_right() -> None:
    assert parts(image("data:image/jpg;base64,AAAA"))[0]["inlineData"]["mimeType"] == "image/jpeg"


@pytest.mark.parametrize("kind", HEADS)
def test_bytes_without_a_media_type_tell_their_own(kind: str) -> None:
    data = base64.b64encode(HEADS[kind] + bytes(60)).decode()
    assert parts(image(f"data:;base64,{data}")) == [{"inlineData": {"mimeType": kind, "data": data}}]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://example.com/a.png", "image/png"),
        ("https://example.com/a.JPG?size=2#x", "image/jpeg"),
        ("https://example.com/b/a.webp", "image/webp"),
        ("http://example.com/a.pdf", "application/pdf"),
    ],
)
def test_a_link_goes_as_it_is_with_the_type_that_its_path_tells(url: str, kind: str) -> None:
    assert GEMINI.links_for(asked(image(url)), target("gemini")) == ()
    assert parts(image(url)) == [{"fileData": {"fileUri": url, "mimeType": kind}}]


def test_a_video_site_needs_no_type() -> None:
    url = "https://www.youtube.com/watch?v=9hE5-98ZeCg"
    assert GEMINI.links_for(asked(file(url)), target("gemini")) == ()
    assert parts(file(url)) == [{"fileData": {"fileUri": url}}]


@pytest.mark.parametrize("at", [target("gemini"), DEAF])
def test_a_link_that_does_not_tell_its_type_is_fetched(at: Target) -> None:
    url = "https://example.com/avatar"
    assert GEMINI.links_for(asked(image(url)), at) == (url,)
    fetched = {url: Link(media_type="image/webp", data=b"abc")}
    assert parts(image(url), at, links=fetched) == [
        {"inlineData": {"mimeType": "image/webp", "data": "YWJj"}}
    ]


def test_files_of_the_gateways_own_account_are_asked_for_without_its_key() -> None:
    url = "https://generativelanguage.googleapis.com/v1beta/files/abc123"
    assert GEMINI.links_for(asked(image(url)), target("gemini")) == (url,)


def test_a_link_that_is_no_url_is_left_to_the_fetcher() -> None:
    assert GEMINI.links_for(asked(image("https://[bad/a.png")), target("gemini")) == ("https://[bad/a.png",)


def test_where_no_links_are_followed_all_are_fetched_once() -> None:
    url = "https://example.com/a.png"
    twice = call(messages=[{"role": "user", "content": [image(url), image(url)]}])
    assert GEMINI.links_for(twice, DEAF) == (url,)


def test_links_in_a_tools_result_are_seen() -> None:
    url = "https://example.com/a"
    made = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "c", "content": [image(url)]},
    ]
    assert GEMINI.links_for(call(messages=messages), target("gemini")) == (url,)


def test_a_link_that_nobody_fetched_is_refused() -> None:
    with pytest.raises(UnsupportedField) as refusal:
        parts(image("https://example.com/a.png"), DEAF)
    assert refusal.value.field == "messages[0].content[0]"


def test_a_pdf() -> None:
    assert parts(file(data_url("application/pdf", b"%PDF-1.7"))) == [
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjc="}}
    ]


@pytest.mark.parametrize("kind", ["text/plain", "text/csv", "application/json"])
def test_a_text_file_is_text(kind: str) -> None:
    assert parts(file(data_url(kind, "grüße".encode()))) == [{"text": "grüße"}]


def test_text_that_is_none_is_wrong() -> None:
    with pytest.raises(InvalidField):
        parts(file(data_url("text/plain", b"\xff\xfe")))


@pytest.mark.parametrize(
    "part",
    [
        file(data_url("application/msword", b"x")),
        file(data_url("", b"x")),
        image("data:image/gif;base64,R0lGODlh"),
        image(data_url("", b"GIF89a")),
        {"type": "file", "file": {"file_id": "file-abc"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "pcm16"}},
    ],
)
def test_what_gemini_cannot_read_is_refused_by_its_place(part: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedField) as refusal:
        parts(part)
    assert refusal.value.field.startswith("messages[0].content[0]")


@pytest.mark.parametrize(("kind", "expected"), [("wav", "audio/wav"), ("mp3", "audio/mp3")])
def test_audio(kind: str, expected: str) -> None:
    spoken = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": kind}}
    assert parts(spoken) == [{"inlineData": {"mimeType": expected, "data": "AAAA"}}]

"""Images, audio and files: what each vendor takes, and proof that the bytes arrived."""

import base64
from typing import Any

import httpx2
import pytest
from google.genai import types

from tests.proxy.sandbox.clients import Sdks

PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)  # 68 bytes
PDF = b"%PDF-1.7 " + bytes(91)  # 100 bytes
LINK = "https://example.com/a.png"
ASKED = "Please describe the image."
OLD = {"x-api-key": "k", "anthropic-version": "2023-06-01"}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{b64(data)}"


def test_chat_completions(sdks: Sdks) -> None:
    content: Any = [
        {"type": "text", "text": ASKED},
        {"type": "image_url", "image_url": {"url": url("image/png", PNG)}},
        {"type": "image_url", "image_url": {"url": LINK, "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": url("application/pdf", PDF)}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "input_audio", "input_audio": {"data": b64(bytes(44)), "format": "wav"}},
    ]
    answer = sdks.openai.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": content}]
    )

    assert answer.choices[0].message.content == (
        "I see [image image/png 68 bytes] [image https://example.com/a.png] "
        "[file application/pdf 100 bytes] [file file-1] [audio audio/wav 44 bytes]"
    )
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 7 + 5 * 258


def test_responses_with_an_image_in_a_tool_result(sdks: Sdks) -> None:
    turns: Any = [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": f"use tool look. {ASKED}"},
                {"type": "input_image", "image_url": LINK, "detail": "auto"},
                {"type": "input_file", "filename": "a.txt", "file_data": url("text/plain", b"hello")},
                {"type": "input_file", "file_url": "https://example.com/a.pdf"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_image", "image_url": url("image/png", PNG), "detail": "auto"}],
        },
    ]
    answer = sdks.openai.responses.create(model="gpt-4o", input=turns)

    assert answer.output_text == (
        "I see [image https://example.com/a.png] [file text/plain 5 bytes] "
        "[file https://example.com/a.pdf] [image image/png 68 bytes]"
    )


def test_messages_with_an_image_in_a_tool_result(sdks: Sdks) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": b64(PNG)}}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": b64(PDF)}
    messages: Any = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": ASKED},
                {"type": "image", "source": {"type": "url", "url": LINK}},
                {"type": "document", "source": pdf},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
                {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [image]}]},
    ]
    answer = sdks.anthropic.messages.create(model="claude-haiku-4-5", max_tokens=500, messages=messages)

    assert answer.content[0].to_dict()["text"] == (
        "I see [image https://example.com/a.png] [document application/pdf 100 bytes] "
        "[document text/plain 5 bytes] [document https://example.com/a.pdf] [image image/png 68 bytes]"
    )


def test_generate_content_with_an_image_in_a_function_response(sdks: Sdks) -> None:
    blob = types.FunctionResponseBlob(mime_type="image/png", data=PNG)
    response = types.FunctionResponse(
        name="look", response={"output": 1}, parts=[types.FunctionResponsePart(inline_data=blob)]
    )
    call = types.Part(function_call=types.FunctionCall(name="look", args={}))
    call.thought_signature = b"skip_thought_signature_validator"
    contents: Any = [
        types.Content(
            role="user",
            parts=[
                types.Part(text=ASKED),
                types.Part.from_bytes(data=PNG, mime_type="image/png"),
                types.Part.from_bytes(data=bytes(44), mime_type="audio/wav"),
                types.Part.from_bytes(data=PDF, mime_type="application/pdf"),
                types.Part.from_uri(file_uri=LINK, mime_type="image/png"),
            ],
        ),
        types.Content(role="model", parts=[call]),
        types.Content(role="user", parts=[types.Part(function_response=response)]),
    ]
    answer = sdks.gemini.models.generate_content(model="gemini-3-flash", contents=contents)

    assert answer.text == (
        "I see [image image/png 68 bytes] [audio audio/wav 44 bytes] [document application/pdf 100 bytes] "
        "[image https://example.com/a.png] [image image/png 68 bytes]"
    )


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"type": "image_url", "image_url": {"url": "ftp://a/b.png"}}, "invalid_image_url"),
        ({"type": "image_url", "image_url": {"url": url("image/tiff", PNG)}}, "invalid_image_format"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}, "invalid_value"),
        ({"type": "file", "file": {"filename": "a", "file_data": url("text/plain", PDF)}}, "invalid_value"),
        ({"type": "file", "file": {"file_data": url("application/pdf", PDF)}}, "missing_required_parameter"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "ogg"}}, "invalid_value"),
    ],
)
def test_chat_completions_refuse(http: httpx2.Client, part: Any, code: str) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": [part]}]}
    answer = http.post("/v1/chat/completions", headers={"authorization": "Bearer k"}, json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"type": "image", "source": {"type": "base64", "media_type": "image/tiff", "data": "AA=="}},
         "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg'"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": b64(PNG)}},
         "specified using the image/jpeg media type, but the image appears to be a image/png image"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%%"}},
         "messages.0.content.0.image.source.base64.data: Invalid base64 data"),
        ({"type": "image", "source": {"type": "url", "url": "http://example.com/a.png"}},
         "Only HTTPS URLs are supported"),
        ({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "AA=="}},
         "messages.0.content.0.document.source.base64.media_type: Input should be 'application/pdf'"),
        ({"type": "input_audio", "input_audio": {}}, "Input tag 'input_audio' found"),
    ],
)  # fmt: skip
def test_messages_refuse(http: httpx2.Client, block: Any, message: str) -> None:
    messages = [{"role": "user", "content": [block]}]
    body = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": messages}
    answer = http.post("/v1/messages", headers=OLD, json=body)

    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"inlineData": {"mimeType": "image/gif", "data": "AA=="}}, "Unsupported MIME type: image/gif"),
        ({"inlineData": {"mimeType": "application/zip", "data": "AA=="}}, "Unsupported MIME type"),
        ({"inlineData": {"mimeType": "image/png", "data": "%%"}}, "Base64 decoding failed"),
    ],
)
def test_generate_content_refuses(http: httpx2.Client, part: Any, message: str) -> None:
    body = {"contents": [{"role": "user", "parts": [part]}]}
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    answer = http.post(path, headers={"x-goog-api-key": "k"}, json=body)

    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


def test_without_media_nothing_is_seen(sdks: Sdks) -> None:
    assert sdks.ask("openai", ASKED).text == "I see nothing."

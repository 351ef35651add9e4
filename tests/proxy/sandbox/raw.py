"""Bare requests in the three formats, for what no SDK would send or show."""

from typing import Any

import httpx2

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello."}]}
KEY = {"authorization": "Bearer k"}


def request(vendor: str, *, stream: bool) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Path, headers and body of one question."""
    if vendor == "openai":
        asked = CHAT | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})
        return "/v1/chat/completions", KEY, asked
    if vendor == "anthropic":
        body = CHAT | {"model": "claude-haiku-4-5", "max_tokens": 100, "stream": stream}
        return "/v1/messages", {"x-api-key": "k", "anthropic-version": "2023-06-01"}, body
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    contents = {"contents": [{"parts": [{"text": "Hello."}]}]}
    return f"/v1beta/models/gemini-2.5-flash:{verb}", {"x-goog-api-key": "k"}, contents


def post(
    http: httpx2.Client, vendor: str, knobs: dict[str, str] | None = None, *, stream: bool = False
) -> httpx2.Response:
    """Ask one question; ``knobs`` are headers."""
    path, headers, body = request(vendor, stream=stream)
    return http.post(path, headers=headers | (knobs or {}), json=body)

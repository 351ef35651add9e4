"""What all vendors' failures share: reading a body that may be anything, masking keys, and how long to wait.

What a failure *means* is each vendor's own knowledge: see ``errors.py`` in its folder.
"""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.adapters.base import ErrorClass, VendorError, without
from proxy.interchange import wire

MAX_RETRY_AFTER = 86_400.0  # a longer wait means the same to us: not today
_LOOKED_AT = 8_000  # characters of a vendor's message; four times what the caller gets to read
_LONGEST_KEY = 1_000  # characters
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)

# The vendor's headers that callers may see: clients pace themselves by them (checks L6). Never cookies,
# hop-by-hop headers, or the account's own ids.
_PASSED_ON = re.compile(
    r"request-id|x-should-retry|retry-after(-ms)?|anthropic-ratelimit-[a-z0-9-]+|x-ratelimit-[a-z0-9-]+"
)

# Vendors quote the key that they refuse, whole or in part (checks M4). A message may be long and made to be
# slow: no pattern may start anew inside what it has just passed over in vain.
_SECRETS = (
    re.compile(r"(?i)\b(?:sk|rk|pk|xai|gsk|csk|pplx|hf|tgp|nvapi)[-_][\w\-.*]{4,}"),
    re.compile(r"\b(?:AIza|ya29\.)[\w\-.*]{6,}"),
    re.compile(r"(?i)(?<=bearer )[\w\-.~+/=*]{6,}"),
    re.compile(r"(?i)(?<=[?&]key=)[^&\s\"']+"),
    re.compile(r"(?i)(?<=key provided: )[^\s,;\"']*[^\s,;.\"']"),
    re.compile(r"(?i)(?<=api key: )[^\s,;\"']*[^\s,;.\"']"),
    re.compile(r"(?<![\w\-])[\w\-]*+(?:\*{3,}+[\w\-]*+)+"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """An error as the vendor stated it; fields it did not give are None.

    ``status`` is the HTTP status, or the one a body inside a 200 names (OpenRouter's numeric ``code``).
    """

    status: int | None
    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    request_id: str | None = None
    details: Any = None  # the vendor's further fields, for its own classification
    structured: bool = True  # False: HTML, plain text, nothing

    def says(self, *phrases: str) -> bool:
        """Whether the message holds one of ``phrases`` (lower case)."""
        lowered = self.message.lower()
        return any(phrase in lowered for phrase in phrases)

    def is_any(self, *names: str) -> bool:
        """Whether the vendor's code or type is one of ``names``."""
        return self.code in names or self.type in names


def facts_from(status: int | None, body: bytes) -> Facts:
    """Read an error body: JSON of any vendor's shape, a list around it, HTML, text, or nothing."""
    try:
        decoded = msgspec.json.decode(body)
    except wire.UNREADABLE:
        return Facts(status=status, message=_plain(status, body), structured=False)
    return facts_of(status, decoded)


def facts_of(status: int | None, decoded: object) -> Facts:
    """The same for a body that is already decoded, such as an error event's."""
    if isinstance(decoded, list):
        decoded = next(iter(wire.objects(decoded)), None)
    if isinstance(decoded, str) and decoded:
        return Facts(status=status, message=mask(decoded))
    body = wire.mapping(decoded)
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    code = inner.get("code", body.get("code"))
    return Facts(
        status=_status(status, code, inner),
        message=mask(_message(error, inner)) or f"HTTP {status}",
        code=_name(code),
        type=_name(inner.get("type")),
        param=_name(inner.get("param")),
        request_id=_name(body.get("request_id")),
        details=inner,
        structured=bool(body),
    )


def error(
    error_class: ErrorClass, facts: Facts, headers: Mapping[str, str], *, id_headers: tuple[str, ...] = ()
) -> VendorError:
    """The VendorError of ``facts``, with the wait and the request id that the headers name.

    A vendor that says the same request may be sent again knows better than our table: it is not the caller's
    fault then.
    """
    if error_class is ErrorClass.CALLER and wire.header(headers, "x-should-retry") == "true":
        error_class = ErrorClass.RATE_LIMITED
    ids = (wire.header(headers, name) for name in id_headers)
    return VendorError(
        error_class=error_class,
        message=facts.message,
        status=facts.status,
        code=facts.code,
        type=facts.type,
        param=facts.param,
        retry_after=retry_after(headers),
        upstream_id=next((found for found in ids if found), facts.request_id),
        headers=passed_on(headers),
        refused_for=_refused_for(facts) if error_class is ErrorClass.CALLER else "",
    )


# Another model may take what is too long for this one; another vendor may answer what this one filters.
_TOO_LONG_NAMES = ("context_length_exceeded", "string_above_max_length", "request_too_large")
_TOO_LONG_WORDS = (
    *("prompt is too long", "maximum context length", "context window", "context length"),
    *("exceeds the maximum number of tokens", "input is too long", "too many tokens", "input token count"),
)
_FILTERED_NAMES = (
    *("content_filter", "content_policy_violation", "invalid_prompt", "bio_policy", "cyber_policy"),
    *("image_content_policy_violation", "data_inspection_failed", "moderation_blocked"),
)
_FILTERED_WORDS = (
    *("flagged", "moderation", "content management policy", "content policy", "usage policy"),
    *("violates usage guidelines", "safety_check_type"),  # xAI
)


def _refused_for(facts: Facts) -> str:
    """``context`` or ``content`` where the vendor says so, in its code or, some have none, in its words."""
    if facts.is_any(*_TOO_LONG_NAMES) or facts.says(*_TOO_LONG_WORDS):
        return "context"
    if facts.is_any(*_FILTERED_NAMES) or facts.says(*_FILTERED_WORDS):
        return "content"
    return ""


def passed_on(headers: Mapping[str, str], *, secret: str = "") -> dict[str, str]:
    """Those of a vendor's headers that callers may see, names in lower case. ``secret``: our credential,
    which a vendor may repeat in them."""
    lowered = ((name.lower(), value) for name, value in headers.items())
    return {name: without(secret, value) for name, value in lowered if _PASSED_ON.fullmatch(name)}


def malformed(message: str, *, status: int | None = 200) -> VendorError:
    """An answer that cannot be read: the vendor's failure, and it may have been billed."""
    return VendorError(
        error_class=ErrorClass.PROVIDER, message=message, status=status, code="malformed_answer"
    )


def mask(message: str) -> str:
    """``message`` without anything that looks like a credential.

    Of a longer one than anybody will read, only the start: cut so that no half of a key stands at its end.
    """
    masked = message[:_LOOKED_AT]
    for secret in _SECRETS:
        masked = secret.sub("[key]", masked)
    return masked if len(message) <= _LOOKED_AT else masked[:-_LONGEST_KEY]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or ``retry-after`` (seconds or a date); None for garbage."""
    milliseconds = _seconds(wire.header(headers, "retry-after-ms"))
    if milliseconds:
        return milliseconds / 1000
    value = wire.header(headers, "retry-after")
    if value is None:
        return milliseconds  # Azure sends 0 ms beside a real retry-after, so 0 counts only when alone
    seconds = _seconds(value)
    return _until(value, headers) if seconds is None else seconds


def seconds_from(duration: object) -> float | None:
    """A protobuf duration such as "48s" or "1.5s" in seconds."""
    return _seconds(duration[:-1]) if isinstance(duration, str) and duration.endswith("s") else None


def _seconds(value: str | None) -> float | None:
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return min(seconds, MAX_RETRY_AFTER) if math.isfinite(seconds) and seconds >= 0 else None


def _until(value: str, headers: Mapping[str, str]) -> float | None:
    """Seconds until an HTTP date, by the vendor's own clock where it sent one."""
    try:
        then = email.utils.parsedate_to_datetime(value)
        sent = wire.header(headers, "date")
        now = email.utils.parsedate_to_datetime(sent).timestamp() if sent else time.time()
        seconds = then.timestamp() - now
    except (ValueError, OverflowError, TypeError):
        return None
    return min(seconds, MAX_RETRY_AFTER) if seconds >= 0 else None


def _status(status: int | None, code: object, inner: Mapping[str, Any]) -> int | None:
    if status is not None and status >= 400:
        return status
    for value in (code, inner.get("status_code"), inner.get("status")):
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return status


def _message(error: object, inner: Mapping[str, Any]) -> str:
    for value in (inner.get("message"), error, inner.get("detail"), inner.get("msg")):
        if isinstance(value, str) and value:
            return value
    detail = wire.objects(inner.get("detail"))  # FastAPI's validation errors
    return "; ".join(wire.text(entry.get("msg")) for entry in detail)


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _plain(status: int | None, body: bytes) -> str:
    """A line for a body that is not JSON: an HTML page's title, or the start of the text."""
    page = body[:20_000].decode("utf-8", "replace").strip()
    title = _TITLE.search(page)
    if title:
        page = title.group(1).strip()
    elif page.startswith("<"):
        page = ""
    return mask(page) or f"HTTP {status}"

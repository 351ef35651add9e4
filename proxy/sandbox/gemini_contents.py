"""The contents of a Gemini request: parts, media, and functions with what must come back with their calls."""

import base64
import json
from typing import Any

from proxy.sandbox import media
from proxy.sandbox.ask import Input, Json, Refused, Turn
from proxy.sandbox.profiles import facts
from proxy.sandbox.signatures import is_ours

CALL_TURN = (
    "Please ensure that function call turn comes immediately after a user turn "
    "or after a function response turn."
)
CALL_PARTS = (
    "Please ensure that the number of function response parts is equal to the number of function call parts "
    "of the function call turn."
)
# What a part can hold and how an answer calls it.
KINDS = {
    "image/": "image",
    "audio/": "audio",
    "video/": "video",
    "application/pdf": "document",
    "text/": "document",
}
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
# Stand in for a signature that the caller does not have, as for calls of another model.
SENTINELS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")


def bad(message: str) -> Refused:
    """A 400 INVALID_ARGUMENT."""
    return Refused(400, message)


def read_parts(given: Input, parts: Any, where: str) -> None:
    """Read the parts of one content into ``given``. ``where`` is its place, as errors name it."""
    if not isinstance(parts, list) or not parts:
        raise bad(f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(parts):
        if part.get("text"):
            given.parts.append(part["text"])
        elif "inlineData" in part or "fileData" in part:
            given.media.append(_medium(part, f"{where}.parts[{index}]"))
        elif "functionCall" in part:
            given.parts.append(str(part["functionCall"]))
        elif "functionResponse" in part:
            _read_response(given, part["functionResponse"], f"{where}.parts[{index}]")
        elif "thoughtSignature" not in part:
            field = f"GenerateContentRequest.{where}.parts[{index}].data"
            raise bad(f"* {field}: required oneof field 'data' must have one initialized field\n")


def _read_response(given: Input, response: Json, where: str) -> None:
    """A function's response; from Gemini 3 on it can hold media beside the object."""
    given.parts.append(str({name: response[name] for name in response if name != "parts"}))
    for part in response.get("parts") or []:
        given.media.append(_medium(part, where))


def _medium(part: Json, where: str) -> str:
    if "fileData" in part:
        return media.linked(_kind(part["fileData"].get("mimeType")), part["fileData"]["fileUri"])
    given = part["inlineData"]
    kind = _kind(given.get("mimeType"))
    try:
        return media.embedded(given["mimeType"], given["data"]).described(kind)
    except ValueError:
        raise bad(
            f"Invalid value at '{where}.inline_data.data' (TYPE_BYTES), Base64 decoding failed"
        ) from None


def _kind(mime: str | None) -> str:
    """What the media type is of; links may leave it out."""
    if mime is None:
        return "file"
    found = next((kind for begin, kind in KINDS.items() if mime.startswith(begin)), None)
    if found is None or (found == "image" and mime not in IMAGES):
        raise bad(f"Unsupported MIME type: {mime}")
    return found


def _said_by_tool(response: Json) -> str:
    """What a function answered: the value under the one key that Google names for it, or the object as
    JSON."""
    told = response.get("response")
    if isinstance(told, dict) and len(told) == 1:
        [(name, value)] = told.items()
        if name in ("output", "result", "error") and isinstance(value, str):
            return value
    return json.dumps(told, ensure_ascii=False)


def turn_of(content: Json) -> Turn:
    """One content as a tool loop sees it."""
    parts = content["parts"]
    responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if responses:
        return Turn("answered", " ".join(_said_by_tool(response) for response in responses))
    if any("functionCall" in part for part in parts):
        return Turn("called")
    text = "".join(part.get("text") or "" for part in parts)
    return Turn("said" if content.get("role", "user") == "user" and text else "spoke", text)


def check_function_turns(model: str, contents: list[Json]) -> None:
    """A call follows a user turn, is answered in full by the next one, and from Gemini 3 on is signed."""
    for index, content in enumerate(contents):
        calls = _count(content, "functionCall")
        if calls and (index == 0 or contents[index - 1].get("role") == "model"):
            raise bad(CALL_TURN)
        answers = _count(contents[index + 1], "functionResponse") if index + 1 < len(contents) else 0
        if calls and calls != answers:
            raise bad(CALL_PARTS)
    if facts("gemini", model).version >= (3, 0):
        _require_signatures(contents)
    for content in contents:
        for part in content["parts"]:
            _check_signature(part)


def _check_signature(part: Json) -> None:
    """A signature is that of the call, or of the text, which it came with."""
    signature = part.get("thoughtSignature")
    if not signature or _is_sentinel(signature):
        return
    kind, text = ("call", part["functionCall"]["name"]) if "functionCall" in part else ("text", "")
    if not is_ours(kind, text, signature):
        raise bad("Corrupted thought signature.")


def _is_sentinel(signature: str) -> bool:
    """As it is written, or as the vendor's own client sends it: in base64."""
    return signature in SENTINELS or signature.rstrip("=") in _ENCODED_SENTINELS


def _require_signatures(contents: list[Json]) -> None:
    # Only the current turn: what came after the last user text.
    start = 0
    for index, content in enumerate(contents):
        if content.get("role", "user") == "user" and any(part.get("text") for part in content["parts"]):
            start = index
    for index in range(start, len(contents)):
        calls = [part for part in contents[index]["parts"] if "functionCall" in part]
        # Parallel calls carry one signature, on the first.
        if calls and not calls[0].get("thoughtSignature"):
            name = calls[0]["functionCall"].get("name")
            raise bad(
                "Function call is missing a thought_signature in functionCall parts. This is required for "
                f"tools to work correctly. Additional data, function call `{name}`, position {index}."
            )


def _count(content: Json, kind: str) -> int:
    return sum(kind in part for part in content.get("parts") or [])


_ENCODED_SENTINELS = [
    base64.urlsafe_b64encode(sentinel.encode()).decode().rstrip("=") for sentinel in SENTINELS
]

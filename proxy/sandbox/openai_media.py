"""Images, audio and files in requests to OpenAI, checked as OpenAI checks them."""

from proxy.sandbox import media
from proxy.sandbox.ask import Json, Refused
from proxy.sandbox.openai_rules import bad

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
AUDIO = ("wav", "mp3")
# What the Responses API reads in a file besides PDF begins like this.
TEXTS = ("text/", "application/json")


def image(url: str, where: str) -> str:
    """An image by its URL, which may hold the data. Described as ``media`` does."""
    if not url.startswith("data:"):
        if not url.startswith(("http://", "https://")):
            raise bad(f"Failed to download image from {url}.", where, "invalid_image_url")
        return media.linked("image", url)
    found = _of_data_url(url, where)
    if found.mime not in IMAGES:
        raise Refused(
            400,
            "You uploaded an unsupported image. Please make sure your image has of one the following "
            "formats: ['png', 'jpeg', 'gif', 'webp'].",
            kind="invalid_image_format",
            param=where,
        )
    return found.described("image")


def audio(part: Json, where: str) -> str:
    """``input_audio`` with its data and format."""
    if part["format"] not in AUDIO:
        message = f"Invalid value: '{part['format']}'. Supported values are: 'wav' and 'mp3'."
        raise bad(message, f"{where}.format", "invalid_value")
    try:
        found = media.embedded(f"audio/{part['format']}", part["data"])
    except ValueError:
        raise bad("The audio data is not valid base64.", f"{where}.data", "invalid_value") from None
    return found.described("audio")


def file(part: Json, where: str, *, texts: bool = False) -> str:
    """A file as data, by its id or by its URL. Only PDF is read, with ``texts`` text as well."""
    if part.get("file_id"):
        return media.linked("file", part["file_id"])
    if part.get("file_url"):
        return media.linked("file", part["file_url"])
    if not part.get("file_data"):
        raise bad(f"Missing required parameter: '{where}.file_data'.", where, "missing_required_parameter")
    if not part.get("filename"):
        name = f"{where}.filename"
        raise bad(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    found = _of_data_url(part["file_data"], f"{where}.file_data")
    if found.mime != "application/pdf" and not (texts and found.mime.startswith(TEXTS)):
        raise bad(
            "Invalid file data: 'file_data'. Expected a base64-encoded data URL with an application/pdf MIME "
            "type (e.g. 'data:application/pdf;base64,aW1nIGJ5dGVzIGhlcmU='), but got unsupported MIME type "
            f"'{found.mime}'.",
            f"{where}.file_data",
            "invalid_value",
        )
    return found.described("file")


def _of_data_url(url: str, where: str) -> media.Medium:
    try:
        return media.of_data_url(url)
    except ValueError:
        message = f"Invalid '{where}': expected a base64-encoded data URL."
        raise bad(message, where, "invalid_value") from None

"""What a link led to, told by its first bytes; the server's word counts only where bytes tell nothing."""

PDF, TEXT = "application/pdf", "text/plain"
MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)
AUDIO = {
    "audio/aac",
    "audio/aiff",
    "audio/flac",
    "audio/mp3",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "audio/x-wav",
}
ACCEPTED = "image/png, image/jpeg, image/gif, image/webp, application/pdf, text/plain, audio/*"


def media_type(data: bytes, declared: str) -> str | None:
    """The media type without parameters; None for what no vendor takes. ``declared`` is the Content-Type."""
    for start, told in MAGIC:
        if data.startswith(start):
            return told
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    said = declared.partition(";")[0].strip().lower()
    if said in AUDIO:
        return said
    return said if said == TEXT and _is_text(data) else None


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False

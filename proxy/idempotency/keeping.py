"""What an installation keeps of answers to requests with an ``Idempotency-Key``."""

from collections.abc import Mapping
from typing import NamedTuple

STORES = ("answers", "receipts")


class Keeping(NamedTuple):
    """For how long, and what: ``answers`` False: only that there was one. Larger ones are not kept."""

    hours: int = 24
    answers: bool = True
    max_bytes: int = 1024 * 1024


def keeping_in(environ: Mapping[str, str]) -> Keeping:
    """Raises ValueError, saying what the settings may be."""
    hours = environ.get("IDEMPOTENCY_HOURS", "24")
    store = environ.get("IDEMPOTENCY_STORE", "answers")
    most = environ.get("IDEMPOTENCY_MAX_BYTES", str(1024 * 1024))
    if not (hours.isdecimal() and int(hours) >= 1 and most.isdecimal()) or store not in STORES:
        raise ValueError(
            "IDEMPOTENCY_HOURS and IDEMPOTENCY_MAX_BYTES are whole numbers, the hours at least 1;"
            " IDEMPOTENCY_STORE is answers (kept encrypted, for who asks again) or receipts (only that there"
            " was one):\n  IDEMPOTENCY_HOURS=24 IDEMPOTENCY_STORE=receipts IDEMPOTENCY_MAX_BYTES=1048576"
        )
    return Keeping(hours=int(hours), answers=store == "answers", max_bytes=int(most))

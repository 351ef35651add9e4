"""What a repetition is told that gets no answer. None of these is billed, nor was anything held."""

import uuid

from proxy import errors

LATER_SECONDS = 1.0


def in_flight(first: uuid.UUID) -> errors.Conflict:
    """SDKs try 409 again by themselves, after ``retry-after``."""
    return errors.Conflict(
        "A request with this Idempotency-Key is being answered. Try again shortly.",
        code="idempotency_in_flight",
        retry_after=LATER_SECONDS,
        details={"first_request_id": str(first)},
    )


def reused(first: uuid.UUID) -> errors.KeyReused:
    return errors.KeyReused(
        "This Idempotency-Key was used for a request with another body. Use a new key for a new request.",
        details={"first_request_id": str(first)},
    )


def other_form(first: uuid.UUID, *, streamed: bool) -> errors.Conflict:
    """``streamed``: the answer is a stream."""
    was, ask = ("streamed", "true") if streamed else ("not streamed", "false")
    return errors.Conflict(
        f"The answer to this Idempotency-Key was {was}, and is repeated byte by byte: ask with stream={ask}. "
        "It was billed once.",
        code="not_replayable",
        retry=False,
        details={"first_request_id": str(first)},
    )


def too_large(first: uuid.UUID) -> errors.Conflict:
    return errors.Conflict(
        "The answer to this Idempotency-Key was too large to be kept. It was billed once, and not again now. "
        "To have it computed and billed anew, use a new key.",
        code="not_replayable",
        retry=False,
        details={"first_request_id": str(first)},
    )


def already_charged(first: uuid.UUID, status: int | None) -> errors.Conflict:
    """``status``: what the first request was answered with; None: nobody got an answer to its end."""
    return errors.Conflict(
        f"The request with this Idempotency-Key was billed once, as {first}, and its answer is not kept. "
        "Nothing was billed now. To have it computed and billed anew, use a new key.",
        code="already_charged",
        retry=False,
        details={"first_request_id": str(first), "first_status": status},
    )

"""Ends of attempts that are our own doing, and the words for what the ledger keeps of any end.

A worker that stops ends what runs by bringing its deadline forward (gateway_project/stopping.py). That is of
the deadline's class, which counts against nobody; its code is its own: the call may be sent again.
"""

from proxy import errors
from proxy.adapters.base import ErrorClass, VendorError

STOPPING = "gateway_stopping"


def out_of_time(*, answering: bool, is_cut: bool) -> VendorError:
    """``is_cut``: the deadline was brought forward (``Deadlines.is_cut``), which is no failure of the
    vendor's, whether it was ``answering`` or not."""
    return stopped() if is_cut else deadline_passed(answering=answering)


def deadline_passed(*, answering: bool) -> VendorError:
    """``answering``: the vendor was at work; that it needs longer than we allow is no failure of its own."""
    return VendorError(
        error_class=ErrorClass.DEADLINE if answering else ErrorClass.TRANSPORT,
        message="the request's deadline passed",
        code="total_timeout",
    )


def stopped() -> VendorError:
    """What had to end because this worker stops."""
    return VendorError(
        error_class=ErrorClass.DEADLINE, message="the gateway is being restarted", code=STOPPING
    )


def not_booked() -> errors.CallError:
    """The vendor answered, so this is no refused call: sent again, it is billed again."""
    return errors.Unavailable(
        "The call was answered, but what it cost cannot be booked yet, so the answer is not given out as "
        "complete. It may be billed; sent again without its Idempotency-Key, it is billed again.",
        code="not_booked",
        retry=False,
    )


def recorded_words(error: VendorError) -> str:
    """What the ledger keeps of a failure: the vendor's code, never its sentence, which may quote the prompt.

    Failures of the transport, and our own, are in our own words.
    """
    if error.error_class in (ErrorClass.TRANSPORT, ErrorClass.DEADLINE):
        return error.message
    return error.word


__all__ = ["STOPPING", "deadline_passed", "not_booked", "out_of_time", "recorded_words", "stopped"]

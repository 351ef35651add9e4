"""What an unfinished answer used, estimated from its text: four bytes a token, rounded up."""

from metering.usage import Usage
from proxy import estimation
from proxy.adapters.base import StreamState


def estimate(*, request_bytes: int = 400, **state: object) -> Usage | None:
    return estimation.usage_of_unfinished(StreamState(**state), request_bytes=request_bytes)  # type: ignore[arg-type]


def test_before_any_content_nothing_is_guessed() -> None:
    assert estimate() is None


def test_before_any_content_what_the_vendor_reported_stands() -> None:
    assert estimate(usage=Usage(input=12)) == Usage(input=12)


def test_without_a_report_everything_is_estimated() -> None:
    assert estimate(content_started=True, visible_chars=9, reasoning_chars=4) == Usage(
        input=100, output=3, reasoning=1
    )


def test_a_reported_input_is_kept_and_the_output_estimated() -> None:
    reported = Usage(input=12, cache_read=3, output=1)

    assert estimate(content_started=True, visible_chars=400, usage=reported) == Usage(
        input=12, cache_read=3, output=100
    )


def test_counts_never_shrink_below_what_was_reported() -> None:
    reported = Usage(
        input=1, cache_read=2, cache_write_5m=3, cache_write_1h=4, output=50, reasoning=60,
        audio_input=5, audio_output=6, requests=7,
    )  # fmt: skip

    assert estimate(content_started=True, visible_chars=8, reasoning_chars=8, usage=reported) == reported


def test_a_tool_call_without_text_is_content_too() -> None:
    assert estimate(content_started=True, request_bytes=401) == Usage(input=101)

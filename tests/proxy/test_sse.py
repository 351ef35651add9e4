"""The incremental decoder of server-sent events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sse import EventTooLarge, SSEDecoder, SSEEvent


def decoded(stream: bytes) -> list[SSEEvent]:
    return SSEDecoder().feed(stream)


def test_an_event_has_its_data_and_the_bytes_it_came_in() -> None:
    assert decoded(b'data: {"a":1}\n\n') == [SSEEvent("", b'{"a":1}', b'data: {"a":1}\n\n')]


def test_an_event_name_is_read() -> None:
    assert [(event.event, event.data) for event in decoded(b"event: ping\ndata: {}\n\n")] == [("ping", b"{}")]


def test_the_space_after_the_colon_is_optional_and_only_one_is_taken() -> None:
    assert [event.data for event in decoded(b"data:a\n\ndata:  b\n\n")] == [b"a", b" b"]


def test_data_lines_are_joined_by_a_newline() -> None:
    assert [event.data for event in decoded(b"data: {\ndata: }\n\n")] == [b"{\n}"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_three_line_ends_end_lines(end: bytes) -> None:
    stream = b"event: a" + end + b"data: b" + end + end + b"data: c" + end + end + b"\n"
    assert [(event.event, event.data) for event in decoded(stream)] == [("a", b"b"), ("", b"c")]


def test_events_without_data_are_swallowed() -> None:
    assert decoded(b"event: ping\n\nid: 4\nretry: 10\n\n\n\n") == []


def test_a_comment_alone_is_an_event_without_data() -> None:
    [event] = decoded(b": OPENROUTER PROCESSING\n\n")

    assert (event.is_comment, event.data, event.raw) == (True, b"", b": OPENROUTER PROCESSING\n\n")


def test_a_comment_inside_an_event_is_no_data() -> None:
    assert [event.data for event in decoded(b": hold on\ndata: a\n\n")] == [b"a"]


def test_a_byte_order_mark_is_skipped_even_when_split() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"\xef\xbb") == []
    assert [event.data for event in decoder.feed(b"\xbfdata: a\n\n")] == [b"a"]


def test_a_character_split_over_two_reads_arrives_whole() -> None:
    decoder = SSEDecoder()
    whole = "data: ä€😀\n\n".encode()
    assert decoder.feed(whole[:8]) == []
    assert [event.data.decode() for event in decoder.feed(whole[8:])] == ["ä€😀"]


def test_a_carriage_return_at_the_end_of_a_read_waits_for_its_line_feed() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r\n\r") == []
    assert [event.raw for event in decoder.feed(b"\ndata: b\r\n\r\n")] == [
        b"data: a\r\n\r\n",
        b"data: b\r\n\r\n",
    ]


def test_an_unfinished_event_is_kept_back() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert [event.data for event in decoder.feed(b"\n")] == [b"a"]


@pytest.mark.parametrize("step", [7, 1000])
def test_an_event_without_end_is_refused_beyond_the_bound(step: int) -> None:
    decoder = SSEDecoder(max_event_bytes=50)
    for _ in range(50 // step):
        assert decoder.feed(b"x" * step) == []
    with pytest.raises(EventTooLarge, match="more than 50 bytes"):
        decoder.feed(b"x" * step)


def test_many_small_events_in_one_read_are_not_bounded_together() -> None:
    assert len(SSEDecoder(max_event_bytes=50).feed(b"data: abcdefgh\n\n" * 100)) == 100


pieces = st.lists(
    st.sampled_from(
        [
            b"data: a",
            b"data:b\xc3\xa4",
            b"event: x",
            b": no",
            b"\n",
            b"\r\n",
            b"\r",
            b"\n\n",
            b"\r\n\r\n",
            b"",
        ]
    )
    | st.binary(max_size=5)
)


@given(pieces, st.lists(st.integers(1, 9), min_size=1))
def test_the_split_of_the_bytes_changes_nothing(parts: list[bytes], steps: list[int]) -> None:
    stream = b"".join(parts)
    decoder = SSEDecoder()
    split: list[SSEEvent] = []
    at, turn = 0, 0
    while at < len(stream):
        step = steps[turn % len(steps)]
        split += decoder.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert split == decoded(stream)


@given(pieces)
def test_the_raw_bytes_are_the_stream_in_order(parts: list[bytes]) -> None:
    stream = b"".join(parts)
    at = 0
    for event in decoded(stream):
        # of comments the lines, as others between them are left out
        for found in filter(None, event.raw.splitlines()) if event.is_comment else [event.raw]:
            at = stream.index(found, at) + len(found)
    assert at <= len(stream)

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.net.sse import Event, SseReader


def read(*pieces: bytes, most_bytes: int = 1000) -> list[Event]:
    reader = SseReader(most_bytes)
    events = [event for piece in pieces for event in reader.feed(piece)]
    last = reader.end()
    return events if last is None else [*events, last]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [Event("a")]),
        (b"event: answer\ndata: a\n\n", [Event("a", "answer")]),
        (b"data:a\r\n\r\ndata:b\r\rdata:c\n\n", [Event("a"), Event("b"), Event("c")]),
        (b"data: a\ndata:  b\n\n", [Event("a\n b")]),
        (b"data\n\n", [Event("")]),
        (b"event: x\n\ndata: a\n\n", [Event("a")]),
        (b": a comment\nid: 7\nretry: 10\ndata: a\nunknown: z\n\n", [Event("a")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("a")]),
        (b"data: a\n", [Event("a")]),
        (b"data: a\n\ndata: hal", [Event("a")]),
        (b"data: \xff\n\n", [Event("�")]),
        (b"", []),
    ],
)
def test_a_stream_is_read_as_the_events_in_it(stream: bytes, events: list[Event]) -> None:
    assert read(stream) == events


def test_a_character_split_between_two_pieces_is_whole() -> None:
    raw = "data: 桥\n\n".encode()

    assert read(raw[:8], raw[8:]) == [Event("桥")]


def test_a_line_feed_that_comes_after_its_carriage_return_ends_no_second_line() -> None:
    assert read(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [Event("a\nb")]


LINES = st.sampled_from(
    [b"", b"data: a", b"data:", b"data: \xe6\xa1\xa5", b"event: answer", b": x", b"id: 1", b"retry", b"\xef\xbb\xbf"]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"])), max_size=20).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 300), max_size=12))
def test_how_a_stream_is_cut_into_pieces_does_not_matter(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]

    assert read(*pieces) == read(stream)
    assert read(*[stream[n : n + 1] for n in range(len(stream))]) == read(stream)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_at_all_are_a_failure(pieces: list[bytes]) -> None:
    assert read(*pieces) == read(b"".join(pieces))


@given(st.lists(st.text(alphabet=st.characters(blacklist_characters="\r\n", codec="utf-8"), max_size=30), min_size=1))
def test_what_was_written_as_data_is_read_back(lines: list[str]) -> None:
    written = "".join(f"data: {line}\n" for line in lines) + "\n"

    assert read(written.encode(), most_bytes=100_000) == [Event("\n".join(lines))]


@pytest.mark.parametrize(
    "stream",
    [b"data: 0123456789\n", b"data: 01234567\ndata: 89\n", b"data:\n" * 12, b"data: 01234567" + b"8" * 1000 + b"\n"],
)
def test_an_event_that_is_too_long_is_cut_and_says_so(stream: bytes) -> None:
    long, after = read(stream, b"\ndata: b\n\n", most_bytes=8)

    assert long.cut
    assert len(long.data) <= 8
    assert after == Event("b")


def test_an_endless_line_takes_no_more_memory_than_an_event_may_have() -> None:
    reader = SseReader(1000)
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []

    assert len(reader._line) < 2000


def test_an_event_as_long_as_allowed_is_whole() -> None:
    assert read(b"data: 01234567\n\n", most_bytes=8) == [Event("01234567")]

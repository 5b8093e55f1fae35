"""A long text in pieces that WeChat takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.engine.split import split


def test_a_short_text_stays_whole() -> None:
    assert split("你好", 2000) == ["你好"]


def test_white_space_around_a_text_is_not_sent() -> None:
    assert split("\n 你好 \n", 2000) == ["你好"]


def test_nothing_makes_no_piece() -> None:
    assert split(" \n ", 2000) == []


@pytest.mark.parametrize(
    ("text", "most", "pieces"),
    [
        ("first part.\n\nsecond part", 20, ["first part.", "second part"]),
        ("One sentence. Another one", 20, ["One sentence.", "Another one"]),
        ("今天天气很好。我们去公园吧", 27, ["今天天气很好。", "我们去公园吧"]),
        ("word " * 5, 12, ["word word", "word word", "word"]),
    ],
)
def test_a_cut_is_made_where_a_reader_would_pause(text: str, most: int, pieces: list[str]) -> None:
    assert split(text, most) == pieces


def test_a_family_of_emoji_is_not_torn_apart() -> None:
    family = "👨\u200d👩\u200d👧"
    assert split("abcdefgh" + family, 24) == ["abcdefgh", family]


def test_a_mark_right_at_the_front_does_not_make_a_tiny_piece() -> None:
    assert len(split("a. " + "b" * 30, 30)[0]) > 15


@given(st.text(max_size=400), st.integers(min_value=16, max_value=80))
def test_every_piece_fits_and_nothing_but_white_space_is_lost(text: str, most: int) -> None:
    pieces = split(text, most)
    assert all(piece.strip() and len(piece.encode("utf-8", "surrogatepass")) <= most for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())

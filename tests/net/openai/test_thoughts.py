from hypothesis import given
from hypothesis import strategies as st

from daemon.net.openai.thoughts import Thoughts

WORDS = st.text(alphabet="<think/>ab \n", max_size=30)


def through(pieces: list[str]) -> str:
    thoughts = Thoughts()
    return "".join([thoughts.feed(piece) for piece in pieces] + [thoughts.end()])


def cut(text: str, places: list[int]) -> list[str]:
    at = sorted({place % (len(text) + 1) for place in places})
    return [text[start:end] for start, end in zip([0, *at], [*at, len(text)], strict=True)]


def test_a_thought_at_the_beginning_is_left_out() -> None:
    assert through(["<think>想一想</think>\n\n七天"]) == "七天"


def test_a_thought_later_on_is_part_of_the_answer() -> None:
    assert through(["写 <think>a</think> 即可"]) == "写 <think>a</think> 即可"


def test_a_thought_without_an_end_leaves_no_answer() -> None:
    assert through(["<think>想一想", "再想"]) == ""


@given(WORDS, st.lists(st.integers(0, 100)))
def test_what_does_not_begin_with_a_thought_passes_whole(text: str, places: list[int]) -> None:
    if not text.lstrip().startswith("<think>"):
        assert through(cut(text, places)) == text


@given(WORDS, WORDS, st.lists(st.integers(0, 100)))
def test_a_thought_is_left_out_wherever_the_pieces_are_cut(thought: str, answer: str, places: list[int]) -> None:
    text = f" <think>{thought}</think>{answer}"
    assert through(cut(text, places)) == text.partition("</think>")[2].lstrip()

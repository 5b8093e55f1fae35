"""Names in a message are filled in once, and nothing that a value holds is read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.message import Wxid
from daemon.domain.outgoing import App, Card, Image, Link, Text
from daemon.domain.template import MOST_BYTES, TooLong, fill, misplaced, names

HOSTILE = [
    "{{ name }}",
    "{{name}}",
    "${name}",
    "%s",
    "%(name)s",
    "{0.__class__}",
    "{name}",
    "\\g<0>",
    "\\1",
    "{% raw %}",
]


@given(st.text(max_size=50) | st.sampled_from(HOSTILE), st.text(max_size=50) | st.sampled_from(HOSTILE))
def test_any_value_arrives_as_it_is(one: str, two: str) -> None:
    filled = fill(Text(text="a {{ x }} b {{y}} c {{x}}"), {"x": one, "y": two})
    assert filled == Text(text=f"a {one} b {two} c {one}")


def test_every_text_that_people_read_is_filled_in() -> None:
    link = Link(
        title="For {{name}}", description="{{ offer }}", url="https://x.example", thumb_url="https://x.example/t"
    )
    assert names(link) == {"name", "offer"}
    filled = fill(link, {"name": "Ann", "offer": "tea"})
    assert isinstance(filled, Link)
    assert (filled.title, filled.description, filled.url) == ("For Ann", "tea", "https://x.example")


def test_a_name_without_a_value_is_no_empty_text() -> None:
    with pytest.raises(KeyError):
        fill(Text(text="{{ name }}"), {})


def test_a_text_does_not_grow_without_end() -> None:
    value = "好" * 1000
    assert fill(Text(text="{{x}}{{x}}"), {"x": value}) == Text(text=value * 2)
    with pytest.raises(TooLong):
        fill(Text(text="{{x}}" * (MOST_BYTES // 3000 + 1)), {"x": value})


@pytest.mark.parametrize("text", ["{{ two words }}", "{{}}", "{{ a.b }}", "{{ __class__() }}", "{{a"])
def test_braces_around_what_is_no_name_are_seen(text: str) -> None:
    assert misplaced(Text(text=text)) == ["text"]


def test_braces_where_nothing_is_filled_in_are_seen() -> None:
    assert misplaced(Image(url="https://x.example/{{a}}")) == ["url"]
    assert misplaced(App(appmsg="<appmsg>{{a}}</appmsg>")) == ["appmsg"]
    assert misplaced(Card(wxid=Wxid("wxid_x"), nickname="{{a}}")) == ["nickname"]
    assert misplaced(Text(text="{ a } {b} {{ c }}")) == []

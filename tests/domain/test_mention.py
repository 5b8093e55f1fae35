import time

import pytest

from daemon.domain.mention import question


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@小桥\u2005 周四几点开门", "周四几点开门"),
        ("@小桥\u2005@Lan\u2005几点", "几点"),
        ("几点 @小桥\u2005", "几点"),
        ("你好@小桥\u2005\n@Lan\u2005", "你好"),
        ("@小桥\u2005 告诉 @Lan\u2005几点", "告诉 @Lan 几点"),
        ("@小桥 没有分隔符", "@小桥 没有分隔符"),
        ("写到 a@b.example", "写到 a@b.example"),
        ("@小桥\u2005", ""),
        ("  ", ""),
    ],
)
def test_a_question_is_what_is_left_without_the_names_around_it(text: str, expected: str) -> None:
    assert question(text) == expected


@pytest.mark.parametrize(
    "text", ["@a\u2005" * 80_000, "x" + "@a\u2005" * 80_000 + "x", "@a\u2005" + " " * 200_000 + "x"]
)
def test_a_text_made_of_mentions_costs_little(text: str) -> None:
    begun = time.process_time()
    question(text)

    assert time.process_time() - begun < 0.5

"""How a person is @-ed within a text, and the question that is left without it."""

import re

MARK = "\u2005"  # FOUR-PER-EM SPACE: WeChat's clients put it after each @name
MOST = 20  # mentions in a row; more is no question, and a bound keeps the search linear

_MENTION = rf"@[^@{MARK}\n]{{1,64}}{MARK}"
_LEADING = re.compile(rf"\A(?:\s*+{_MENTION}){{1,{MOST}}}")
_TRAILING = re.compile(rf"(?:{_MENTION}\s*+){{1,{MOST}}}\Z")


def question(text: str) -> str:
    """`text` without the @names it begins or ends with; one in the middle is part of what is said."""
    return _TRAILING.sub("", _LEADING.sub("", text)).replace(MARK, " ").strip()

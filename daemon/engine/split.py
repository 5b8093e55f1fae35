"""A long text in pieces that WeChat takes. Pure."""

# Where a text may be cut, the best place first. A cut is made behind the mark.
_MARKS = ("\n\n", "\n", "。", "！", "？", ". ", "! ", "? ", "；", "; ", "，", ", ", " ")
_JOINERS = "\u200d\ufe0f\ufe0e\u20e3"  # join what stands before them: emoji of several code points


def split(text: str, most_bytes: int) -> list[str]:
    """`text` in pieces of at most `most_bytes` UTF-8 bytes, cut at paragraphs, sentences or words where possible.

    Pieces are stripped of the white space around them, and none is empty.
    """
    pieces, rest = [], text.strip()
    while rest:
        cut = len(rest) if len(rest.encode()) <= most_bytes else _cut(rest, most_bytes)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return pieces


def _cut(text: str, most_bytes: int) -> int:
    """The index to cut before: as late as the limit allows, but not so early that the piece is mostly empty."""
    most = len(text.encode()[:most_bytes].decode("utf-8", "ignore"))
    for mark in _MARKS:
        at = text.rfind(mark, most // 2, most)
        if at >= 0 and at + len(mark) <= most:
            return at + len(mark)
    return _between_characters(text, most)


def _between_characters(text: str, most: int) -> int:
    """`most`, or a little before it where that would cut what is seen as one character."""
    at = most
    while at > 1 and most - at < 16 and (_joined(text[at]) or text[at - 1] == "\u200d"):
        at -= 1
    return max(at, 1)


def _joined(character: str) -> bool:
    """Whether it belongs to the character before it: a joiner, a skin tone, a combining accent."""
    return character in _JOINERS or "\U0001f3fb" <= character <= "\U0001f3ff" or "\u0300" <= character <= "\u036f"

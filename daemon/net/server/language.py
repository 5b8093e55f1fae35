"""Which of our languages an answer is in: RFC 9110's Accept-Language, against en and zh."""

from daemon.texts import LANGUAGES

MOST_RANGES = 10  # browsers send a handful


def choose(accepted: str | None, default: str) -> str:
    """The language of ours that the caller likes most; the house's where they like none or did not say."""
    if not accepted:
        return default
    wishes = [_wish(part) for part in accepted.split(",")[:MOST_RANGES]]
    liked = sorted((w for w in wishes if w[0] in LANGUAGES and w[1] > 0), key=lambda wish: -wish[1])
    return liked[0][0] if liked else default


def _wish(part: str) -> tuple[str, float]:
    tag, _, weight = part.strip().partition(";")
    try:
        quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
    except ValueError:
        quality = 0.0
    return tag.strip().lower().split("-")[0], quality

"""What FastGPT alone has in its documents: lists that became objects, and points."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from daemon.net.foreign import MOST_NUMBER

MILLION = Decimal(1_000_000)


def items(value: object) -> list[Any]:
    """A list, also where 4.14.7 made an object {"0": …, "1": …} of it."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def micro(points: Decimal) -> int:
    """Points in integer millionths."""
    return min(int((points * MILLION).to_integral_value(ROUND_HALF_UP)), MOST_NUMBER)

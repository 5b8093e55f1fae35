"""How long the torture is: short with the suite, long with TORTURE=long (`make torture`)."""

import os

LONG = os.environ.get("TORTURE") == "long"


def size(short: int, long: int) -> int:
    return long if LONG else short

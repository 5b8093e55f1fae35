"""How the program ends: the exit codes of sysexits(3), and which error leads to which."""

import errno
from collections.abc import Iterator

from daemon import errors
from daemon.master_key import NoKey
from daemon.settings_read import BadSettings
from daemon.vault import WrongKey

OK = 0
FAILURE = 1
USAGE = 2  # as click has it
DATA = 65  # what was given is wrong
NO_INPUT = 66  # what was named is not there
UNAVAILABLE = 69  # no daemon, or a service behind it does not answer
INTERNAL = 70  # a fault of ours
CANNOT_CREATE = 73
TRY_AGAIN = 75
NO_PERMISSION = 77
CONFIGURATION = 78  # starting again does not help: the unit does not

_CODES: tuple[tuple[type[BaseException], int], ...] = (  # the first that fits
    (BadSettings, CONFIGURATION),
    (NoKey, CONFIGURATION),
    (WrongKey, CONFIGURATION),
    (errors.MustNotOpen, CONFIGURATION),
    (errors.CannotOpen, TRY_AGAIN),
    (errors.Waitable, TRY_AGAIN),
    (errors.Conflict, TRY_AGAIN),
    (errors.Unauthenticated, NO_PERMISSION),
    (errors.Forbidden, NO_PERMISSION),
    (PermissionError, NO_PERMISSION),
    (errors.NotFound, NO_INPUT),
    (errors.Invalid, DATA),
    (errors.RemoteError, UNAVAILABLE),
)


def exit_code(error: BaseException) -> int:
    """Of several errors at once, the most telling: one that no new start can cure, else the first known one."""
    codes = [_one(single) for single in leaves(error)]
    if CONFIGURATION in codes:
        return CONFIGURATION
    return next((code for code in codes if code != INTERNAL), INTERNAL)


def _one(error: BaseException) -> int:
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if isinstance(error, OSError):  # the address may be free in a moment; a directory will not make itself
        return TRY_AGAIN if error.errno in (errno.EADDRINUSE, errno.EIO, errno.ENOSPC) else CANNOT_CREATE
    return INTERNAL


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error

"""Secrets that the daemon is started with: a systemd credential, a private file, or a variable of the environment."""

import ctypes
import os
from collections.abc import MutableMapping
from pathlib import Path

import structlog

from daemon.errors import MustNotOpen
from daemon.secret import Secret

log = structlog.get_logger()

_LARGEST = 4096  # bytes


class BadCredential(MustNotOpen):
    """A secret that was to be there is not, or others can read it."""


def find_secret(credential: str, file: Path | None, variable: str, environ: MutableMapping[str, str]) -> Secret | None:
    """The first there is of the three, in this order; None where there is none.

    BadCredential for a file that is missing, that other users can read or write, or that has nothing in it. The
    variable is taken out of the environment in any case.
    """
    told = taken(environ, variable)
    given = Path(environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / credential
    if given.is_file():
        return _secret(given)
    if file is not None:
        _require_private(file)
        return _secret(file)
    return Secret(told) if told else None


def taken(environ: MutableMapping[str, str], name: str) -> str:
    """Its value, which is there no more; nor in /proc/<pid>/environ, which shows the memory it came in."""
    value = environ.get(name, "")
    if value and environ is os.environ:
        try:
            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_void_p
            if at := getenv(name.encode()):
                ctypes.memset(at, ord("*"), len(os.fsencode(value)))
        except (OSError, AttributeError, MemoryError) as error:  # a libc, or a sandbox, that knows better
            log.warning("credential.still_in_environ", variable=name, reason=str(error))
    environ.pop(name, None)
    return value


def _require_private(file: Path) -> None:
    try:
        status = file.stat()
    except OSError as error:
        raise BadCredential("credential.unreadable", path=file, reason=error.strerror) from None
    if status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid()):
        raise BadCredential("credential.exposed", path=file)


def _secret(file: Path) -> Secret:
    try:
        with file.open("rb") as stream:
            text = stream.read(_LARGEST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadCredential("credential.unreadable", path=file, reason=type(error).__name__) from None
    if not text.isprintable() or not text:
        raise BadCredential("credential.unreadable", path=file, reason="it is empty, or has several lines")
    return Secret(text)

"""One daemon a state directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon.errors import CannotOpen
from daemon.store.identity import cannot_open

NAME = "qiaod.lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory, made where there is none; the kernel lets go of it however the process ends."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_open(directory / NAME, error) from error
    try:
        _take(descriptor, directory)
        with suppress(OSError):  # a full disk: only the next one's error message would have been better for it
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)  # the file stays: removing it would let two hold two files of one name


def _take(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace") or "?"
        raise CannotOpen("store.locked", pid=holder, path=directory) from error

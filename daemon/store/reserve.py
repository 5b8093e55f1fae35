"""Room on the disk held back for the day it is full, so that what has begun can still be ended."""

import contextlib
import os
from pathlib import Path

import structlog
from attrs import define

log = structlog.get_logger()

NAME = "reserve.bin"
ROOMY = 0.10  # of the disk free: then it is taken, and taken again
ENOUGH, AMPLE = 2, 4  # times its own size: with less than the one free never, with the other even on a huge full disk

LITTLE = 1 << 20  # bytes: some pages of WAL and the index over it


@define(eq=False)
class Reserve:
    """A file of `size` really allocated bytes; size 0 is none."""

    directory: Path
    size: int

    @property
    def path(self) -> Path:
        return self.directory / NAME

    def held(self) -> bool:
        try:
            return self.path.stat().st_size == self.size > 0
        except FileNotFoundError:
            return False

    def hold(self) -> bool:
        """Take the room where there is plenty; whether it is held."""
        if self.held():
            return True
        if self.size == 0 or not self._plenty():
            return False
        try:
            self._allocate()
        except OSError as error:
            log.warning("store.reserve_refused", error=str(error))
            self.release()
        return self.held()

    def release(self) -> None:
        """Give the room back to whoever needs it."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def free(self) -> int:
        """Bytes that we may still write."""
        disk = os.statvfs(self.directory)
        return disk.f_bavail * disk.f_frsize

    def starved(self) -> bool:
        """Too little is free even to open the database."""
        return self.free() < LITTLE

    def _plenty(self) -> bool:
        disk = os.statvfs(self.directory)
        tenth = disk.f_blocks * disk.f_frsize * ROOMY
        return self.free() >= max(self.size * ENOUGH, min(self.size * AMPLE, tenth))

    def _allocate(self) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, 0)
            os.posix_fallocate(descriptor, 0, self.size)  # a sparse file would hold nothing
        finally:
            os.close(descriptor)

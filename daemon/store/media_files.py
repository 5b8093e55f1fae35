"""The files of received media: one directory of our own, names that we made, and nothing followed out of it."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from attrs import define, field, frozen

from daemon.domain.media import HEAD, Arrived, type_of

PART = ".part"  # ends the name of a file that is still arriving
_NAME = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")


@define(eq=False)
class Arriving:
    """A file on its way in. One of `finish` and `discard` ends it; one thread at a time."""

    folder: "MediaFiles"
    name: str
    _file: BinaryIO
    size: int = field(default=0, init=False)
    _head: bytes = field(default=b"", init=False)
    _sum: "hashlib._Hash" = field(factory=hashlib.sha256, init=False)

    def write(self, piece: bytes) -> None:
        """Raises OSError, for a full disk too."""
        self._file.write(piece)
        self._head = (self._head + piece[: HEAD - len(self._head)])[:HEAD]
        self._sum.update(piece)
        self.size += len(piece)

    def finish(self) -> Arrived:
        """Durable under its name when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with self.folder.opened() as folder:
            os.rename(self.name + PART, self.name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        return Arrived(file=self.name, media_type=type_of(self._head), size=self.size, sha256=self._sum.hexdigest())

    def discard(self) -> None:
        with suppress(OSError):  # what it could not write yet, it tries once more
            self._file.close()
        self.folder.remove(self.name + PART)
        self.folder.remove(self.name)


@frozen
class MediaFiles:
    """All methods block: they are for a thread."""

    directory: Path

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the directory, made if it is missing; of no other that a link leads to."""
        with suppress(FileExistsError):
            self.directory.mkdir(mode=0o700, parents=True)
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def begin(self, name: str) -> Arriving:
        """What an earlier attempt left of the same name goes."""
        part = checked(name) + PART
        self.remove(part)
        with self.opened() as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(part, flags, 0o600, dir_fd=folder)
        return Arriving(self, name, os.fdopen(descriptor, "wb"))

    def open(self, name: str) -> BinaryIO:
        """To read. Raises FileNotFoundError, and OSError for what is no plain file."""
        with self.opened() as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(checked(name), flags, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(name)
        return os.fdopen(descriptor, "rb")

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()

    def remove(self, name: str) -> None:
        """The name, not what it may lead to."""
        checked(name.removesuffix(PART))
        with self.opened() as folder, suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)

    def found(self) -> dict[str, int]:
        """The bytes of each plain file of ours, by name. What we did not name is left alone, and not told."""
        with self.opened() as folder, os.scandir(folder) as entries:
            return {
                entry.name: entry.stat(follow_symlinks=False).st_size
                for entry in entries
                if _NAME.fullmatch(entry.name.removesuffix(PART)) and entry.is_file(follow_symlinks=False)
            }


def checked(name: str) -> str:
    """Raises ValueError for whatever we would not call a file."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"no name of ours: {name[:80]!r}")
    return name

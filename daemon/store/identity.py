"""Whether the file under our name is still the one that we have open: 50 of 50 rows were lost to a removed one."""

import errno
import os
import stat
from pathlib import Path

from attrs import define

from daemon.errors import CannotOpen, MustNotOpen

_FOR_GOOD = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.ENOENT})


@define(eq=False)
class Identity:
    """The file as it was when it was opened."""

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "Identity":
        found = path.stat()
        return cls(path, found.st_dev, found.st_ino)

    def holds(self) -> bool:
        try:
            found = os.stat(self.path)  # noqa: PTH116  # asked before each commit: half the price of Path.stat
        except OSError:
            return False
        return found.st_ino == self.inode and found.st_dev == self.device and found.st_nlink == 1


def own(path: Path) -> None:
    """Make sure that `path` is a private regular file of ours with one name; made when it is not there.

    Only before SQLite opens it: closing any descriptor of a file drops all locks that the process has on it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise cannot_open(path, error) from error
    try:
        _check(os.fstat(descriptor), path)
        os.fchmod(descriptor, 0o600)  # SQLite gives its WAL and shared memory the mode of the file
    finally:
        os.close(descriptor)


def cannot_open(path: Path, error: OSError) -> CannotOpen:
    kind = MustNotOpen if error.errno in _FOR_GOOD else CannotOpen
    return kind("store.cannot_open", path=path, reason=error.strerror)


def _check(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise MustNotOpen("store.not_regular", path=path)
    if found.st_uid != os.geteuid():
        raise MustNotOpen("store.wrong_owner", path=path, owner=found.st_uid, own=os.geteuid(), directory=path.parent)
    if found.st_nlink != 1:
        raise MustNotOpen("store.linked", path=path, links=found.st_nlink)

"""A small file system of its own, where the machine lets us have one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

MEGABYTE = 1 << 20


class NoRoom(Exception):
    """This machine has no mount namespaces for us."""


@frozen
class Room:
    """`wrapper` runs a command inside; `inside` is its directory as seen by that command, `outside` as seen by us."""

    wrapper: tuple[str, ...]
    inside: Path
    outside: Path

    def fill(self) -> None:
        """To the last byte, with a file that is nobody's."""
        with (self.outside / "hog").open("ab", buffering=0) as hog:
            for size in (MEGABYTE, 4096, 1):
                try:
                    while hog.write(b"x" * size) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.outside / "hog").unlink()

    def rescue(self, name: str, to: Path) -> Path:
        """A copy of the database out here: `outside` is a link of the kernel's, which SQLite would follow elsewhere."""
        for suffix in ("", "-wal"):
            found = self.outside / (name + suffix)
            if found.exists():
                shutil.copy(found, to / (name + suffix))
        return to / name


@contextmanager
def small_room(directory: Path, megabytes: int) -> Iterator[Room]:
    """A process holds the namespace open; with it the file system goes."""
    mapped = [] if os.geteuid() == 0 else ["-Ur"]
    script = f'mount -t tmpfs -o size={megabytes}m none "$1" && echo ready && exec sleep 600'
    command = ["unshare", *mapped, "-m", "sh", "-c", script, "sh", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stderr
        try:
            if holder.stdout.readline() != "ready\n":
                raise NoRoom(holder.stderr.read())
            user = ["-U", "--preserve-credentials"] if mapped else []
            wrapper = ("nsenter", "-t", str(holder.pid), *user, "-m")
            yield Room(wrapper, directory, Path(f"/proc/{holder.pid}/root{directory}"))
        finally:
            holder.kill()

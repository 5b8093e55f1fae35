"""How much memory this process uses, and how much it may."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_CGROUPS = Path("/sys/fs/cgroup")  # v2
_OWN = Path("/proc/self/cgroup")  # `0::/system.slice/qiaod.service`; in a container often `0::/`


def resident() -> int:
    """Bytes in memory: the second field of /proc/self/statm, in pages (proc(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def limit(cgroups: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Bytes this process may use: the least that its cgroup and those around it are given, else the whole machine."""
    return min([os.sysconf("SC_PHYS_PAGES") * _PAGE, *_limits(cgroups, own)])


def _limits(cgroups: Path, own: Path) -> Iterator[int]:
    """Each `memory.max` on the way up, where systemd puts MemoryMax=; "max" for none."""
    place = cgroups
    with suppress(OSError):
        place = cgroups.joinpath(*(line[4:] for line in own.read_text().splitlines() if line.startswith("0::/")))
    for folder in (place, *place.parents):
        with suppress(OSError, ValueError):
            yield int((folder / "memory.max").read_text())
        if folder == cgroups:
            return

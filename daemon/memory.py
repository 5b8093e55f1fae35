"""How much memory this process uses, and how much it may."""

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_LIMIT = Path("/sys/fs/cgroup/memory.max")  # cgroup v2, where systemd puts MemoryMax=; "max" for none


def resident() -> int:
    """Bytes in memory: the second field of /proc/self/statm, in pages (proc(5))."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def limit() -> int:
    """Bytes this process may use: its cgroup's limit, else the whole machine."""
    machine = os.sysconf("SC_PHYS_PAGES") * _PAGE
    try:
        return min(int(_LIMIT.read_text()), machine)
    except (OSError, ValueError):
        return machine

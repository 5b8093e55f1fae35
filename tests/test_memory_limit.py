"""The limit that systemd or a container sets is found where the process is, and above it."""

from pathlib import Path

import pytest

from daemon import memory

MIB = 2**20


def told(folder: Path, name: str, **limits: str) -> int:
    """Of a process in the cgroup `name`; `limits` by the last part of a cgroup's name, `root` the uppermost."""
    cgroups, own = folder / "cgroup", folder / "own"
    (cgroups / "system.slice/qiaod.service").mkdir(parents=True)
    for place, limit in limits.items():
        (path,) = [cgroups] if place == "root" else cgroups.rglob(f"{place}.*")
        (path / "memory.max").write_text(limit + "\n")
    own.write_text(f"4:memory:/elsewhere\n0::{name}\n")
    return memory.limit(cgroups, own)


@pytest.mark.parametrize(
    ("name", "limits", "wanted"),
    [
        ("/system.slice/qiaod.service", {"qiaod": str(64 * MIB), "system": "max"}, 64 * MIB),
        ("/system.slice/qiaod.service", {"qiaod": "max", "system": str(32 * MIB)}, 32 * MIB),
        ("/system.slice/qiaod.service", {"qiaod": str(64 * MIB), "system": str(32 * MIB)}, 32 * MIB),
        ("/", {"root": str(16 * MIB)}, 16 * MIB),
        ("/../../not/seen/here", {"root": str(16 * MIB)}, 16 * MIB),
    ],
)
def test_the_least_limit_counts(tmp_path: Path, name: str, limits: dict[str, str], wanted: int) -> None:
    assert told(tmp_path, name, **limits) == wanted


def test_without_any_it_is_the_machines(tmp_path: Path) -> None:
    machine = memory.limit(tmp_path / "none", tmp_path / "none")
    assert told(tmp_path, "/system.slice/qiaod.service", qiaod="max") == machine > 64 * MIB

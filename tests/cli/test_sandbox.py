"""The unit's filter of system calls lets through all that the daemon uses."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

STRACE, ANALYZE = shutil.which("strace"), shutil.which("systemd-analyze")
ONLY_AS_ROOT = {"fchown"}  # SQLite's, of new files; the unit's user is not root


def members(group: str) -> set[str]:
    """The system calls of a group such as @resources, those of groups within it too."""
    assert ANALYZE
    listed = subprocess.run([ANALYZE, "syscall-filter", group], capture_output=True, text=True, check=True, timeout=30)
    names = {line.strip() for line in listed.stdout.splitlines() if line.startswith("    ") and "#" not in line}
    groups = {name for name in names if name.startswith("@")}
    return (names - groups).union(*(members(name) for name in groups))


def filtered() -> set[str]:
    """As the unit's SystemCallFilter= lines say: the first names what may be, those with ~ take away."""
    allowed = set[str]()
    for line in re.findall(r"^SystemCallFilter=(.*)$", Path("systemd/qiaod.service").read_text("utf-8"), re.MULTILINE):
        found = set[str]().union(*(members(group) for group in line.removeprefix("~").split()))
        allowed = allowed - found if line.startswith("~") else allowed | found
    return allowed | members("@default")


@pytest.mark.skipif(not (STRACE and ANALYZE), reason="strace and systemd-analyze are needed to compare")
def test_every_system_call_of_a_start_and_a_stop_passes_the_filter(tmp_path: Path) -> None:
    assert STRACE
    trace = tmp_path / "trace"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "QIAOD_DAEMON_STATE_DIR": str(tmp_path / "s"),
        "QIAOD_DAEMON_RESERVE_MB": "1",
        "QIAOD_HTTP_LISTEN": "127.0.0.1:0",
        "UV_USE_IO_URING": "0",
    }
    command = [STRACE, "-f", "-qq", "-o", str(trace), sys.executable, "-m", "daemon", "serve"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        if not any("daemon.ready" in line for line in process.stderr):
            pytest.skip("strace may not trace here")
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        process.communicate(timeout=30)
    used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text("utf-8", "replace"), re.MULTILINE))
    assert len(used) > 40
    assert used - filtered() - (ONLY_AS_ROOT if os.geteuid() == 0 else set()) == set()


@pytest.mark.skipif(not ANALYZE, reason="systemd-analyze knows what the groups hold")
def test_the_filter_holds_back_what_the_daemon_has_no_use_for() -> None:
    assert {"mount", "ptrace", "reboot", "setuid", "init_module", "chown", "setrlimit", "bpf"} & filtered() == set()
    assert {"read", "openat", "fdatasync", "accept4", "execve"} <= filtered()

"""The whole program as a process: started, asked, backed up, stopped, restored."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define

from daemon.cli.serve import welcome
from daemon.secret import Secret
from daemon.settings import Settings

LIMIT = 30


@define
class Installed:
    """One state directory, and the command over it."""

    home: Path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "QIAOD_DAEMON_STATE_DIR": str(self.home / "s"),
            "QIAOD_DAEMON_RESERVE_MB": "0",
            "QIAOD_HTTP_LISTEN": "127.0.0.1:0",
        }

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemon", *args]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=LIMIT)

    def start(self, **environ: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "daemon", "serve"]
        return subprocess.Popen(command, env=self.environ | environ, stderr=subprocess.PIPE, text=True)


def until(process: subprocess.Popen[str], event: str) -> list[str]:
    """Its log up to and with the line of that event."""
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line)
        if f'"event":"{event}"' in line:
            return lines
    raise AssertionError("".join(lines))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


@pytest.fixture
def daemon(installed: Installed) -> Iterator[subprocess.Popen[str]]:
    with installed.start() as process:
        until(process, "daemon.ready")
        yield process
        process.kill()


def test_a_day_with_the_command_line(installed: Installed, daemon: subprocess.Popen[str]) -> None:
    status = json.loads(installed.run("status", "--json").stdout)
    key = installed.run("keys", "create", "ops", "--role", "admin").stdout.strip()
    listed = json.loads(installed.run("keys", "list", "--json").stdout)
    made = json.loads(installed.run("backup", "--json").stdout)
    locked = installed.run("keys", "create", "ops", "--offline")
    busy = installed.run("restore", made["path"], "--yes")
    daemon.send_signal(signal.SIGTERM)

    assert daemon.wait(LIMIT) == 0
    assert status["ready"] is True
    assert key.startswith("qk_")
    assert "ops" in {entry["name"] for entry in listed}
    assert made["problems"] == []
    assert (locked.returncode, busy.returncode) == (75, 75)

    offline = installed.run("keys", "create", "offline", "--offline")
    assert (offline.returncode, offline.stdout[:3], offline.stdout.count("\n")) == (0, "qk_", 1), offline.stderr
    restored = installed.run("restore", made["path"], "--yes")
    assert restored.returncode == 0, restored.stderr
    with installed.start() as again:
        until(again, "daemon.ready")
        names = {entry["name"] for entry in json.loads(installed.run("keys", "list", "--json").stdout)}
        again.send_signal(signal.SIGTERM)
        assert again.wait(LIMIT) == 0
    assert "ops" in names
    assert "offline" not in names


def test_a_damaged_backup_is_not_restored(installed: Installed, tmp_path: Path) -> None:
    broken = tmp_path / "qiaod-broken.db"
    broken.write_bytes(b"SQLite format 3\0" + bytes(4096))
    run = installed.run("restore", str(broken), "--yes")
    assert run.returncode == 65
    assert installed.run("restore", str(tmp_path / "none.db"), "--dry-run").returncode == 66


def test_another_master_key_ends_with_78_and_names_the_one_that_is_wanted(installed: Installed) -> None:
    with installed.start() as first:
        until(first, "daemon.ready")
        first.send_signal(signal.SIGTERM)
        first.wait(LIMIT)
    (installed.home / "s/master.key").unlink()
    with installed.start() as without:
        _, log = without.communicate(timeout=LIMIT)
    assert without.returncode == 78, log
    with installed.start(QIAOD_MASTER_KEY="ab" * 32) as other:
        _, log = other.communicate(timeout=LIMIT)
    assert other.returncode == 78, log
    assert "sealed with the master key" in log


def test_systemd_hears_ready_and_stopping(installed: Installed) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(installed.home / "notify"))
        systemd.settimeout(LIMIT)
        environ = {"NOTIFY_SOCKET": str(installed.home / "notify"), "WATCHDOG_USEC": "200000"}
        with installed.start(**environ) as process:
            heard = [systemd.recv(100).decode() for _ in range(3)]
            process.send_signal(signal.SIGTERM)
            while heard[-1] != "STOPPING=1":
                heard.append(systemd.recv(100).decode())
            process.communicate(timeout=LIMIT)
    assert heard[0] == "READY=1"
    assert set(heard[1:-1]) == {"WATCHDOG=1"}


HELD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="http")
os.execv(sys.executable, [sys.executable, "-m", "daemon", "serve"])
"""


def test_a_port_that_systemd_holds_loses_no_caller_while_the_daemon_restarts(installed: Installed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:

        def start() -> subprocess.Popen[str]:
            fd = held.fileno()
            command = [sys.executable, "-c", HELD, str(fd)]
            return subprocess.Popen(command, env=installed.environ, pass_fds=[fd], stderr=subprocess.PIPE, text=True)

        with start() as first:
            until(first, "daemon.ready")
            first.send_signal(signal.SIGTERM)
            assert first.wait(LIMIT) == 0
        with socket.create_connection(held.getsockname(), LIMIT) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            with start() as second:
                answer = caller.recv(100)
                second.send_signal(signal.SIGTERM)
                second.communicate(timeout=LIMIT)
    assert answer.startswith(b"HTTP/1.1 200")


def test_wrong_settings_end_with_78_before_anything_is_touched(installed: Installed) -> None:
    with installed.start(QIAOD_GEWE_BURST="many") as process:
        _, log = process.communicate(timeout=LIMIT)
    assert process.returncode == 78
    assert "$QIAOD_GEWE_BURST: gewe.burst: 'many' is no whole number" in log
    assert not (installed.home / "s").exists()


def test_the_openapi_document_is_printed_without_a_daemon(installed: Installed) -> None:
    document = json.loads(installed.run("openapi").stdout)
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/keys" in document["paths"]


def test_the_welcome_shows_the_first_key_only_when_there_is_one() -> None:
    with_key = welcome("http://127.0.0.1:1", Settings(), None, Secret("qk_first"))
    assert "qk_first" in with_key
    assert "first key" not in welcome("http://127.0.0.1:1", Settings(), None, None)

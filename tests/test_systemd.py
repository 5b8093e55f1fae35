"""What systemd and the service tell each other, over real sockets; and the unit files."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.settings import LONGEST_DRAIN
from daemon.systemd import Notifier, listen_fds, notify_address, take_sockets, watchdog_every

SERVICE = Path("systemd/qiaod.service")
SOCKETS = {"http": Path("systemd/qiaod.socket"), "api": Path("systemd/qiaod-api.socket")}
ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """What stands in for systemd: its end of the notification socket, and the environment it sets."""
    path = str(tmp_path / "notify") if request.param == "path" else f"@qiaod-test-{os.getpid()}-{id(request)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(path.replace("@", "\0", 1))
        bound.settimeout(5)
        yield bound, {"NOTIFY_SOCKET": path}


def test_every_state_arrives_as_systemd_reads_it(manager: tuple[socket.socket, dict[str, str]]) -> None:
    bound, environ = manager
    notifier = Notifier.of(environ)
    notifier.ready()
    notifier.status("2 accounts\nonline")
    notifier.status("2 accounts online")
    notifier.alive()
    notifier.reloading(12.5)
    notifier.stopping()
    assert [bound.recv(4096).decode() for _ in range(5)] == [
        "READY=1",
        "STATUS=2 accounts online",
        "WATCHDOG=1",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "STOPPING=1",
    ]


def test_without_systemd_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    Notifier.of({}).ready()
    Notifier.of({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()


@pytest.mark.parametrize(
    ("named", "address"), [("/run/n", "/run/n"), ("@abstract", "\0abstract"), ("", None), ("vsock:2:1", None)]
)
def test_the_address_may_be_a_path_or_an_abstract_name(named: str, address: str | None) -> None:
    assert notify_address({"NOTIFY_SOCKET": named}) == address


@pytest.mark.parametrize(
    ("environ", "every"),
    [
        ({"WATCHDOG_USEC": "30000000"}, timedelta(seconds=15)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, timedelta(seconds=15)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_we_say_that_we_live_twice_in_the_time_systemd_waits(environ: dict[str, str], every: timedelta | None) -> None:
    assert watchdog_every(environ, 7) == every


@pytest.mark.parametrize(
    ("environ", "fds"),
    [
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:api"}, {"http": [3], "api": [4]}),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "http:http:api"}, {"http": [3, 4], "api": [5]}),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "1"}, {"unknown": [3]}),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}, {}),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "-1"}, {}),
        ({"LISTEN_PID": "7"}, {}),
        ({}, {}),
    ],
)
def test_the_descriptors_are_known_by_their_names(environ: dict[str, str], fds: dict[str, list[int]]) -> None:
    assert listen_fds(environ, 7) == fds


@given(st.dictionaries(st.sampled_from(["LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_USEC"]), st.text(max_size=8)))
def test_no_environment_breaks_the_reading(environ: dict[str, str]) -> None:
    count = environ.get("LISTEN_FDS", "")
    if len(count) < 4:
        listen_fds({"LISTEN_PID": "7", **environ}, 7)
    watchdog_every(environ, 7)


TAKE = """
import os, sys
from daemon.systemd import take_sockets
environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"}
(listener,) = take_sockets(environ, os.getpid())["http"]
assert not environ and not listener.get_inheritable() and listener.gettimeout() == 0
print(listener.getsockname()[1])
"""


def test_a_listening_socket_is_adopted_across_exec() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script = f"import os; os.dup2({listener.fileno()}, 3)\n{TAKE}"
        run = subprocess.run(
            [sys.executable, "-c", script], pass_fds=[listener.fileno()], capture_output=True, text=True, timeout=30
        )
        assert run.stdout.strip() == str(listener.getsockname()[1]), run.stderr


def test_variables_meant_for_another_process_are_taken_away_too() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "http", "HOME": "/"}
    assert take_sockets(environ, os.getpid()) == {}
    assert environ == {"HOME": "/"}


def unit(path: Path) -> dict[str, list[str]]:
    """The directives of a unit, sections flattened; a directive may come more than once."""
    directives: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            directives.setdefault(name, []).append(value)
    return directives


HARDENED = {
    "Type": "notify",
    "NotifyAccess": "main",
    "WatchdogSec": "30",
    "TimeoutStopSec": "40",
    "KillMode": "mixed",
    "Restart": "on-failure",
    "RestartPreventExitStatus": "78",
    "User": "qiaod",
    "StateDirectory": "qiaod",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateMounts": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectProc": "invisible",
    "ProcSubset": "pid",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "LimitCORE": "0",
    "Environment": "UV_USE_IO_URING=0",
}


@pytest.mark.parametrize(("directive", "value"), HARDENED.items())
def test_the_service_is_confined(directive: str, value: str) -> None:
    assert unit(SERVICE)[directive][0] == value


def test_the_service_sees_the_true_uid_of_its_callers() -> None:
    assert "PrivateUsers" not in unit(SERVICE), "with it every peer on the socket looks like nobody"


def test_a_stop_has_more_time_than_the_drains_may_take() -> None:
    assert float(unit(SERVICE)["TimeoutStopSec"][0]) > LONGEST_DRAIN.total_seconds()


@pytest.mark.parametrize("name", SOCKETS)
def test_the_sockets_carry_the_names_the_daemon_looks_for(name: str) -> None:
    directives = unit(SOCKETS[name])
    assert directives["FileDescriptorName"] == [name]
    assert directives["Service"] == ["qiaod.service"]
    if name == "api":
        assert directives["SocketMode"] == ["0660"]
        assert directives["SocketGroup"] == ["qiaod"]


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """The units with a program that exists, so that only their own faults are found."""
    for path in (SERVICE, *SOCKETS.values()):
        (tmp_path / path.name).write_text(path.read_text("utf-8").replace("/opt/qiaod/bin/qiaod", "/bin/true"), "utf-8")
    return [str(tmp_path / path.name) for path in (SERVICE, *SOCKETS.values())]


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed; the directives are tested above")
def test_systemd_finds_no_fault_in_the_units(units: list[str]) -> None:
    assert ANALYZE
    run = subprocess.run([ANALYZE, "verify", "--man=no", *units], capture_output=True, text=True, timeout=60)
    complaints = [line for line in run.stderr.splitlines() if "qiaod" in line]
    assert (run.returncode, complaints) == (0, [])


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed; the directives are tested above")
def test_the_exposure_of_the_service_stays_below_one_and_a_half(units: list[str]) -> None:
    assert ANALYZE
    run = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=15", "--no-pager", units[0]],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr

"""What systemd tells a service through its environment, and what the service tells systemd."""

import socket
from collections.abc import Mapping, MutableMapping
from datetime import timedelta

import structlog
from attrs import define, field

log = structlog.get_logger()

FIRST_FD = 3  # sd_listen_fds(3)


@define
class Notifier:
    """Datagrams to the socket in NOTIFY_SOCKET; without one, silence. See sd_notify(3)."""

    address: str | None
    _said: str = field(default="", init=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Notifier":
        return cls(notify_address(environ))

    def ready(self) -> None:
        self._tell("READY=1")

    def reloading(self, monotonic: float) -> None:
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1_000_000)}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """What `systemctl status` shows."""
        line = " ".join(text.split())
        if line != self._said:
            self._said = line
            self._tell(f"STATUS={line}")

    def _tell(self, state: str) -> None:
        if self.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.connect(self.address)
                sender.send(state.encode())
        except OSError as error:
            log.warning("systemd.deaf", state=state.partition("=")[0], reason=error.strerror)


def notify_address(environ: Mapping[str, str]) -> str | None:
    """The socket's address: a path, or, where it starts with @, a name in the abstract namespace."""
    named = environ.get("NOTIFY_SOCKET", "")
    if named.startswith("@"):
        return "\0" + named[1:]
    return named if named.startswith("/") else None


def watchdog_every(environ: Mapping[str, str], pid: int) -> timedelta | None:
    """How often to say that we live: twice in the time systemd waits. None: it does not ask."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    limit = environ.get("WATCHDOG_USEC", "")
    if not (limit.isascii() and limit.isdigit() and int(limit)):
        return None
    return timedelta(microseconds=int(limit) / 2)


def listen_fds(environ: Mapping[str, str], pid: int) -> dict[str, list[int]]:
    """The descriptors systemd opened for us, by FileDescriptorName."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not (count.isascii() and count.isdigit()):
        return {}
    given = environ.get("LISTEN_FDNAMES", "")
    names = given.split(":") if given else []
    fds: dict[str, list[int]] = {}
    for position in range(int(count)):
        name = names[position] if position < len(names) else "unknown"
        fds.setdefault(name, []).append(FIRST_FD + position)
    return fds


def take_sockets(environ: MutableMapping[str, str], pid: int) -> dict[str, list[socket.socket]]:
    """The listening sockets themselves, once: the variables are taken away, and no child inherits a socket."""
    named = listen_fds(environ, pid)
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(variable, None)
    return {name: [_adopt(fd) for fd in fds] for name, fds in named.items()}


def _adopt(fd: int) -> socket.socket:
    adopted = socket.socket(fileno=fd)
    adopted.set_inheritable(False)
    adopted.setblocking(False)
    return adopted

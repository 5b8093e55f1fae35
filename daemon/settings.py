"""The settings file as types: what is not listed here cannot be configured.

`config/qiaod.toml` explains each key to people. A span is a plain number of the unit its key ends in there
(`reply_ttl_minutes = 10`), and a timedelta here (`gewe.reply_ttl`).
"""

# ruff: noqa: RUF009  # span(), place() and table() are attrs fields, as integer() and text() are

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from daemon.errors import Invalid
from daemon.settings_fields import AUTO, choice, integer, names, of, place, span, switch, table, text
from daemon.settings_read import BadSettings, Reader, settings_of

ROLES = ("viewer", "operator", "admin", "agent", "auditor")  # daemon.domain.access.Role, which this may not import
_SOCKET_PATH = 107  # bytes the kernel takes for a Unix socket's path
LONGEST_DRAIN = timedelta(seconds=31)  # systemd kills after TimeoutStopSec=40; the store closes in the rest


def _address(line: str) -> tuple[str, int]:
    """`host:port`, `[::1]:port`."""
    host, _, port = line.rpartition(":")
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9.-]+", host):
            raise Invalid("settings.want_address", value=line) from None
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise Invalid("settings.want_address", value=line)
    return host, int(port)


def _url(line: str) -> None:
    parts = urlsplit(line)
    if line and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username):
        raise Invalid("settings.want_url", value=line)


def _host(line: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9.:-]+", line) or "//" in line:
        raise Invalid("settings.want_host", value=line)


def _network(line: str) -> None:
    try:
        ipaddress.ip_network(line)
    except ValueError:
        raise Invalid("settings.want_network", value=line) from None


def _uid(name: str, role: str) -> None:
    if name != "self" and not (name.isascii() and name.isdigit()):
        raise Invalid("settings.want_uid", value=name)
    if role not in ROLES:
        raise Invalid("settings.want_choice", value=role, choices=", ".join(ROLES))


@frozen(kw_only=True)
class Daemon:
    state_dir: Path = place()
    language: str = choice("en", "en", "zh")
    reserve_mb: int = integer(64, least=0, most=1024)
    master_key_file: Path = place()
    drain_http: timedelta = span(3, "seconds", least=0, most=30)
    drain_jobs: timedelta = span(25, "seconds", least=0, most=30)


@frozen(kw_only=True)
class Http:
    listen: str = text("127.0.0.1:8470", _address)
    unix_socket: Path = place()
    hosts: tuple[str, ...] = names("localhost", "127.0.0.1", "::1", check=_host)
    trusted_proxies: tuple[str, ...] = names(check=_network)
    public_url: str = text("", _url)
    header_timeout: timedelta = span(3, "seconds", least=0.1, most=60)
    body_timeout: timedelta = span(2, "seconds", least=0.1, most=60)
    keep_alive: timedelta = span(15, "seconds", least=0, most=3600)
    connections: int = integer(512, least=8, most=65536)
    per_address: int = integer(64, least=1, most=65536)

    @property
    def address(self) -> tuple[str, int]:
        return _address(self.listen)

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The names a request may call us by."""
        public = urlsplit(self.public_url).hostname
        return frozenset(name.lower() for name in (*self.hosts, public or "localhost"))


@frozen(kw_only=True)
class Access:
    uids: dict[str, str] = table({"0": "admin", "self": "admin"}, _uid)

    def roles(self, own: int) -> dict[int, str]:
        """Roles on the Unix socket by uid; `own` is the daemon's, and goes by its number where that is listed."""
        return {own if name == "self" else int(name): role for name, role in sorted(self.uids.items(), reverse=True)}


@frozen(kw_only=True)
class Gewe:
    per_minute: int = integer(40, least=1, most=100_000, reload=True)
    burst: int = integer(3, least=1, most=10_000, reload=True)
    global_per_minute: int = integer(400, least=2, most=1_000_000, reload=True)
    pause_low: timedelta = span(1, "seconds", least=0, most=60, reload=True)
    pause_high: timedelta = span(3, "seconds", least=0, most=60, reload=True)
    reply_ttl: timedelta = span(10, "minutes", least=0.1, most=1440, reload=True)
    send_ttl: timedelta = span(120, "minutes", least=0.1, most=10_080, reload=True)
    text_bytes: int = integer(2000, least=100, most=10_000, reload=True)


@frozen(kw_only=True)
class FastGpt:
    in_flight: int = integer(10, least=1, most=200)
    queue: int = integer(1000, least=1, most=100_000)
    answer_age: timedelta = span(30, "minutes", least=0.1, most=1440, reload=True)
    workflow_cache: timedelta = span(300, "seconds", least=0, most=86_400)


@frozen(kw_only=True)
class Conversation:
    """What a new account's reply policy starts from."""

    merge_window: timedelta = span(1.5, "seconds", least=0, most=60, reload=True)
    merge_most: timedelta = span(8, "seconds", least=0, most=120, reload=True)
    history: int = integer(20, least=0, most=200, reload=True)
    takeover: timedelta = span(30, "minutes", least=0, most=10_080, reload=True)
    stale_after: timedelta = span(5, "minutes", least=0.1, most=1440, reload=True)


@frozen(kw_only=True)
class Jobs:
    attempts: int = integer(8, least=1, most=100)
    retry_base: timedelta = span(1, "seconds", least=0.01, most=60)
    retry_cap: timedelta = span(60, "seconds", least=1, most=3600)


@frozen(kw_only=True)
class Store:
    keep_messages: timedelta = span(180, "days", least=1, most=36_500, reload=True)
    keep_jobs: timedelta = span(7, "days", least=1, most=365, reload=True)
    keep_dead_jobs: timedelta = span(30, "days", least=1, most=365, reload=True)
    keep_dedupe: timedelta = span(60, "days", least=30, most=3650, reload=True)
    keep_quarantine: timedelta = span(14, "days", least=1, most=365, reload=True)
    keep_idempotency: timedelta = span(24, "hours", least=1, most=720)
    backup_dir: Path = place("backups")
    backup_every: timedelta = span(1, "hours", least=0, most=720, reload=True)
    backup_hourly: int = integer(24, least=1, most=1000, reload=True)
    backup_daily: int = integer(7, least=0, most=1000, reload=True)
    backup_weekly: int = integer(4, least=0, most=1000, reload=True)
    spool_mb: int = integer(64, least=1, most=4096)


@frozen(kw_only=True)
class Log:
    level: str = choice("info", "debug", "info", "warning", "error", reload=True)
    format: str = choice("auto", "auto", "json", "console", reload=True)
    message_text: bool = switch(False, reload=True)


@frozen(kw_only=True)
class Settings:
    daemon: Daemon = field(factory=Daemon)
    http: Http = field(factory=Http)
    access: Access = field(factory=Access)
    gewe: Gewe = field(factory=Gewe)
    fastgpt: FastGpt = field(factory=FastGpt)
    conversation: Conversation = field(factory=Conversation)
    jobs: Jobs = field(factory=Jobs)
    store: Store = field(factory=Store)
    log: Log = field(factory=Log)

    @property
    def database(self) -> Path:
        return self.daemon.state_dir / "qiaod.db"

    @property
    def backups(self) -> Path:
        return self.daemon.state_dir / self.store.backup_dir

    @property
    def spool(self) -> Path:
        return self.daemon.state_dir / "spool"

    @property
    def unix_socket(self) -> Path:
        named = self.http.unix_socket
        return self.daemon.state_dir / ("api.sock" if named == AUTO else named)

    @property
    def master_key_file(self) -> Path:
        named = self.daemon.master_key_file
        return self.daemon.state_dir / ("master.key" if named == AUTO else named)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of the file (None: all defaults) and the environment, or BadSettings with every mistake."""
    reader = Reader(Settings)
    if path is not None:
        reader.take_file(path)
    reader.take_environment(environ)
    settings = _placed(reader.build(), reader, path, environ)
    _compare(settings, reader)
    if reader.mistakes:
        raise BadSettings(reader.mistakes)
    return settings


def changed(old: Settings, new: Settings) -> tuple[list[str], list[str]]:
    """What differs: that which a reload takes over, and that which needs a restart."""
    reloadable: list[str] = []
    needs_restart: list[str] = []
    for section, key, attribute in settings_of(Settings):
        before, after = (getattr(getattr(s, section.name), attribute.name) for s in (old, new))
        if before != after:
            (reloadable if of(attribute).reload else needs_restart).append(f"{section.name}.{key}")
    return reloadable, needs_restart


def reloaded(old: Settings, new: Settings) -> Settings:
    """`old` with only that of `new` which a reload takes over."""
    sections: dict[str, dict[str, Any]] = {}
    for section, _, attribute in settings_of(Settings):
        if of(attribute).reload:
            value = getattr(getattr(new, section.name), attribute.name)
            sections.setdefault(section.name, {})[attribute.name] = value
    return evolve(old, **{name: evolve(getattr(old, name), **values) for name, values in sections.items()})


def _placed(settings: Settings, reader: Reader, path: Path | None, environ: Mapping[str, str]) -> Settings:
    """With a state directory for certain, and the Unix socket where systemd wants it."""
    state = settings.daemon.state_dir
    if state == AUTO:
        state = _default_state(environ)
    elif path is not None and reader.given["daemon", "state_dir"].source == str(path):
        state = path.parent / state
    http = settings.http
    if http.unix_socket == AUTO and environ.get("RUNTIME_DIRECTORY"):
        http = evolve(http, unix_socket=Path(_first(environ["RUNTIME_DIRECTORY"])) / "api.sock")
    return evolve(settings, daemon=evolve(settings.daemon, state_dir=Path.cwd() / state), http=http)


def _default_state(environ: Mapping[str, str]) -> Path:
    """systemd's StateDirectory, else the user's (XDG base directories; relative ones do not count)."""
    if environ.get("STATE_DIRECTORY"):
        return Path(_first(environ["STATE_DIRECTORY"]))
    home = environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home.startswith("/") else Path(environ.get("HOME", "/"), ".local/state")) / "qiaod"


def _first(directories: str) -> str:
    return directories.partition(":")[0]


def _compare(settings: Settings, reader: Reader) -> None:
    """What is right alone and wrong together."""
    daemon, http, gewe, talk = settings.daemon, settings.http, settings.gewe, settings.conversation
    if gewe.pause_low > gewe.pause_high:
        reader.conflict("gewe", "pause_low_seconds", "settings.above", other="gewe.pause_high_seconds")
    if talk.merge_window > talk.merge_most:
        reader.conflict(
            "conversation", "merge_window_seconds", "settings.above", other="conversation.merge_most_seconds"
        )
    if http.per_address > http.connections:
        reader.conflict("http", "per_address", "settings.above", other="http.connections")
    if settings.jobs.retry_base > settings.jobs.retry_cap:
        reader.conflict("jobs", "retry_base_seconds", "settings.above", other="jobs.retry_cap_seconds")
    if daemon.drain_http + daemon.drain_jobs > LONGEST_DRAIN:
        reader.conflict("daemon", "drain_jobs_seconds", "settings.drains_too_long", most=LONGEST_DRAIN.seconds)
    if len(bytes(settings.unix_socket)) > _SOCKET_PATH:
        reader.conflict(
            "http", "unix_socket", "settings.socket_path_long", path=settings.unix_socket, most=_SOCKET_PATH
        )

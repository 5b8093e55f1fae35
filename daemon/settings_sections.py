"""The sections of the settings file: each a class, each key a field with its bounds."""

# ruff: noqa: RUF009  # span(), place() and table() are attrs fields, as integer() and text() are

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import frozen

from daemon.errors import Invalid
from daemon.settings_fields import choice, integer, names, place, span, switch, table, text
from daemon.settings_targets import listed

ROLES = ("viewer", "operator", "admin", "agent", "auditor")  # daemon.domain.access.Role, which this may not import


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


def _origin(line: str) -> None:
    parts = urlsplit(line)
    exact = parts.scheme in ("http", "https") and parts.hostname and line == f"{parts.scheme}://{parts.netloc}"
    if line != "*" and (not exact or set("@*") & set(line) or line != line.lower()):
        raise Invalid("settings.want_origin", value=line)


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


def _clock(line: str) -> None:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", line):
        raise Invalid("settings.want_clock", value=line)


def _zone(line: str) -> None:
    try:
        ZoneInfo(line)
    except (ValueError, OSError, ZoneInfoNotFoundError):  # also a name that leads out of the database
        raise Invalid("settings.want_zone", value=line) from None


def _word(line: str) -> None:
    if not line.strip():
        raise Invalid("settings.want_word", value=line)


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
    cors_origins: tuple[str, ...] = names(check=_origin)
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
    person_per_minute: int = integer(6, least=2, most=100_000, reload=True)
    room_per_minute: int = integer(10, least=2, most=100_000, reload=True)
    switch_pause: timedelta = span(1, "seconds", least=0, most=60, reload=True)
    room_pause_low: timedelta = span(2, "seconds", least=0, most=60, reload=True)
    room_pause_high: timedelta = span(5, "seconds", least=0, most=60, reload=True)
    reply_ttl: timedelta = span(10, "minutes", least=0.1, most=1440, reload=True)
    send_ttl: timedelta = span(120, "minutes", least=0.1, most=10_080, reload=True)
    text_bytes: int = integer(2000, least=100, most=10_000, reload=True)
    check_every: timedelta = span(5, "minutes", least=1, most=1440, reload=True)
    canary_after: timedelta = span(6, "hours", least=0, most=720, reload=True)
    callback_allow: tuple[str, ...] = names(check=_network)


@frozen(kw_only=True)
class FastGpt:
    in_flight: int = integer(10, least=1, most=200)
    queue: int = integer(1000, least=1, most=100_000)
    answer_age: timedelta = span(30, "minutes", least=0.1, most=1440, reload=True)
    workflow_cache: timedelta = span(300, "seconds", least=0, most=86_400)


@frozen(kw_only=True)
class N8n:
    in_flight: int = integer(10, least=1, most=200)  # n8n does no more a second with more: only slower
    queue: int = integer(1000, least=1, most=100_000)
    cache_mb: int = integer(64, least=0, most=4096)
    keep_calls: timedelta = span(30, "days", least=1, most=3650, reload=True)


@frozen(kw_only=True)
class OpenAi:
    in_flight: int = integer(200, least=1, most=10_000)
    queue: int = integer(1000, least=1, most=100_000)


@frozen(kw_only=True)
class Targets:
    """What may be called although it is not on the open internet."""

    allow: tuple[str, ...] = names(check=listed, reload=True)


@frozen(kw_only=True)
class WorkflowTest:
    sessions_per_key: int = integer(10, least=1, most=1000)


def _server(line: str) -> None:
    """An address, with a port or without."""
    try:
        ipaddress.ip_address(line)
    except ValueError:
        try:
            ipaddress.ip_address(_address(line)[0])
        except (ValueError, Invalid):
            raise Invalid("settings.want_server", value=line) from None


@frozen(kw_only=True)
class Dns:
    """How names are looked up."""

    servers: tuple[str, ...] = names(check=_server)
    timeout: timedelta = span(2, "seconds", least=0.1, most=10)
    keep_stale: timedelta = span(24, "hours", least=0, most=720)


@frozen(kw_only=True)
class Conversation:
    """What a new account's reply policy starts from."""

    merge_window: timedelta = span(1.5, "seconds", least=0, most=60, reload=True)
    merge_most: timedelta = span(8, "seconds", least=0, most=120, reload=True)
    history: int = integer(20, least=0, most=200, reload=True)
    takeover: timedelta = span(30, "minutes", least=0, most=10_080, reload=True)
    stale_after: timedelta = span(5, "minutes", least=0.1, most=1440, reload=True)


@frozen(kw_only=True)
class Media:
    """What people send, and how much of it is kept."""

    most_mb: int = integer(50, least=1, most=1024, reload=True)
    keep_mb: int = integer(2048, least=1, most=1_000_000, reload=True)
    keep: timedelta = span(30, "days", least=0.01, most=3650, reload=True)
    inline_kb: int = integer(512, least=0, most=4096, reload=True)
    wait: timedelta = span(30, "seconds", least=0, most=300, reload=True)


@frozen(kw_only=True)
class Campaign:
    """What a campaign gets where its maker says nothing."""

    quiet_from: str = text("22:00", _clock, reload=True)
    quiet_to: str = text("08:00", _clock, reload=True)
    time_zone: str = text("Asia/Shanghai", _zone, reload=True)
    per_hour: int = integer(60, least=1, most=2400, reload=True)
    gap_low: timedelta = span(15, "seconds", least=1, most=86_400, reload=True)
    gap_high: timedelta = span(45, "seconds", least=1, most=86_400, reload=True)
    stop_words: tuple[str, ...] = names("退订", "TD", "unsubscribe", "stop", check=_word)


@frozen(kw_only=True)
class Chat:
    """The chat API, for websites and apps."""

    workflow: str = text("")
    history: int = integer(20, least=0, most=200)
    store: str = choice("embedded", "embedded", "supabase")
    supabase_url: str = text("", _url)
    supabase_key_file: Path = place()
    keep: timedelta = span(180, "days", least=1, most=36_500, reload=True)


def _currency(line: str) -> None:
    if not re.fullmatch(r"[A-Z]{3}", line):
        raise Invalid("settings.want_currency", value=line)


@frozen(kw_only=True)
class Costs:
    currency: str = text("CNY", _currency)
    time_zone: str = text("Asia/Shanghai", _zone)
    refuse_unpriced: bool = switch(False)
    first_estimate_points: int = integer(10, least=0, most=1_000_000)
    first_estimate_tokens: int = integer(4000, least=0, most=10_000_000)
    keep_charges: timedelta = span(400, "days", least=62, most=36_500, reload=True)


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
    keep_audit: timedelta = span(730, "days", least=365, most=36_500, reload=True)
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

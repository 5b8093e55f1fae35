"""The settings file as types: what is not listed here cannot be configured.

`config/qiaod.toml` explains each key to people. A span is a plain number of the unit its key ends in there
(`reply_ttl_minutes = 10`), and a timedelta here (`gewe.reply_ttl`).
"""

# span(), place() and table() are attrs fields, as integer() and text() are

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from daemon.codec import encode
from daemon.settings_fields import AUTO, of
from daemon.settings_read import BadSettings, Reader, settings_of
from daemon.settings_sections import (
    Access,
    Campaign,
    Chat,
    Conversation,
    Costs,
    Daemon,
    Dns,
    FastGpt,
    Gewe,
    Http,
    Jobs,
    Log,
    Media,
    N8n,
    OpenAi,
    Store,
    Targets,
    WorkflowTest,
)

_SOCKET_PATH = 107  # bytes the kernel takes for a Unix socket's path
LONGEST_DRAIN = timedelta(seconds=31)  # systemd kills after TimeoutStopSec=40; the store closes in the rest


@frozen(kw_only=True)
class Settings:
    daemon: Daemon = field(factory=Daemon)
    http: Http = field(factory=Http)
    access: Access = field(factory=Access)
    gewe: Gewe = field(factory=Gewe)
    fastgpt: FastGpt = field(factory=FastGpt)
    n8n: N8n = field(factory=N8n)
    openai: OpenAi = field(factory=OpenAi)
    targets: Targets = field(factory=Targets)
    dns: Dns = field(factory=Dns)
    workflow_test: WorkflowTest = field(factory=WorkflowTest)
    conversation: Conversation = field(factory=Conversation)
    media: Media = field(factory=Media)
    campaign: Campaign = field(factory=Campaign)
    chat: Chat = field(factory=Chat)
    costs: Costs = field(factory=Costs)
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
    def received(self) -> Path:
        """Where what people sent is kept."""
        return self.daemon.state_dir / "media"

    @property
    def spool(self) -> Path:
        return self.daemon.state_dir / "spool"

    @property
    def supabase_key_file(self) -> Path | None:
        named = self.chat.supabase_key_file
        return None if named == AUTO else self.daemon.state_dir / named

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


def digest(settings: Settings) -> str:
    """SHA-256, in hexadecimal: two daemons with the same one have the same settings. There is no secret in them."""
    told = {
        f"{section.name}.{key}": str(of(attribute).show(getattr(getattr(settings, section.name), attribute.name)))
        for section, key, attribute in settings_of(Settings)
    }
    return hashlib.sha256(encode(dict(sorted(told.items())))).hexdigest()


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
    if gewe.room_pause_low > gewe.room_pause_high:
        reader.conflict("gewe", "room_pause_low_seconds", "settings.above", other="gewe.room_pause_high_seconds")
    if settings.campaign.gap_low > settings.campaign.gap_high:
        reader.conflict("campaign", "gap_low_seconds", "settings.above", other="campaign.gap_high_seconds")
    if talk.merge_window > talk.merge_most:
        reader.conflict(
            "conversation", "merge_window_seconds", "settings.above", other="conversation.merge_most_seconds"
        )
    if http.per_address > http.connections:
        reader.conflict("http", "per_address", "settings.above", other="http.connections")
    if settings.chat.store == "supabase" and not settings.chat.supabase_url:
        reader.conflict("chat", "supabase_url", "settings.no_supabase_url")
    if settings.jobs.retry_base > settings.jobs.retry_cap:
        reader.conflict("jobs", "retry_base_seconds", "settings.above", other="jobs.retry_cap_seconds")
    if daemon.drain_http + daemon.drain_jobs > LONGEST_DRAIN:
        reader.conflict("daemon", "drain_jobs_seconds", "settings.drains_too_long", most=LONGEST_DRAIN.seconds)
    if len(bytes(settings.unix_socket)) > _SOCKET_PATH:
        reader.conflict(
            "http", "unix_socket", "settings.socket_path_long", path=settings.unix_socket, most=_SOCKET_PATH
        )

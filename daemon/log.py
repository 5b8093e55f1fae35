"""What the daemon writes about itself: one line a fact, to stderr, with nothing in it that must not be seen.

Ours and the libraries' lines go the same way: floods are cut, texts of messages and every known secret are taken out,
long values are shortened, and the line is rendered as JSON (the journal, files) or for a person on a terminal.
"""

import json
import logging
import os
from collections.abc import Mapping
from math import isfinite
from typing import Any, TextIO

import structlog
from attrs import define, field, frozen
from structlog.typing import EventDict, WrappedLogger

from daemon.clock import Clock, rfc3339
from daemon.secret import SHORTEST, Redactor
from daemon.settings_sections import Log

LONGEST = 512  # characters of a value; enough for an error, too few for a payload
LONGEST_TRACEBACK = 8192
DEEPEST = 4  # levels of lists and dicts
MOST_ITEMS = 50
TEXTS = frozenset({"text", "content", "question", "answer", "reply", "prompt", "body", "failure_text"})
TRACEBACKS = frozenset({"exception", "stack"})
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # of syslog, as journald reads them
WINDOW = 10.0  # seconds over which floods are counted
OURS = 2000  # lines of one event in a window: 200/s is still readable
FOREIGN = 20  # aiohttp logs a traceback for each bad request
MOST_EVENTS = 1024  # event names are few and fixed; this bounds what libraries invent


@define
class Floods:
    """Lets the first lines of an event through and counts the rest, window by window."""

    clock: Clock
    _counts: dict[str, int] = field(factory=dict)
    _since: float = 0.0
    _suppressed: dict[str, int] = field(factory=dict)

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        now = self.clock.monotonic()
        if now - self._since >= WINDOW:
            self._counts.clear()
            self._since = now
        name = str(event.get("event", ""))
        if name not in self._counts and len(self._counts) >= MOST_EVENTS:
            name = "other"
        self._counts[name] = seen = self._counts.get(name, 0) + 1
        if seen > (FOREIGN if "logger" in event else OURS):
            self._suppressed[name] = self._suppressed.get(name, 0) + 1
            raise structlog.DropEvent
        if missing := self._suppressed.pop(name, 0):
            event["suppressed"] = missing
        return event

    def owed(self) -> dict[str, int]:
        """Lines dropped that no later line has told of."""
        owed, self._suppressed = self._suppressed, {}
        return owed


@frozen
class Clean:
    """Makes every value safe to write: plain, short, without texts of messages and without secrets."""

    redactor: Redactor
    message_text: bool

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {
            self._line(str(key), 64): self._traceback(value) if key in TRACEBACKS else self._value(key, value, 0)
            for key, value in event.items()
        }

    def _value(self, key: object, value: object, depth: int) -> object:
        if key in TEXTS and not self.message_text and value is not None:
            return f"<{len(value)} long>" if isinstance(value, str | bytes | list | tuple | dict) else "<hidden>"
        if type(value) is str:  # as most are
            return self._line(value, LONGEST)
        if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
            return value
        if depth < DEEPEST and isinstance(value, Mapping):
            some = list(value.items())[:MOST_ITEMS]
            return {self._line(str(name), 64): self._value(name, item, depth + 1) for name, item in some}
        if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [self._value(None, item, depth + 1) for item in list(value)[:MOST_ITEMS]]
        return self._line(_said(value), LONGEST)

    def _line(self, text: str, longest: int) -> str:
        # Redacted before it is cut: half a secret at the cut would not be recognised.
        if len(text) < SHORTEST:  # no secret is that short: most values end here
            return text
        text = self.redactor.clean(text)
        return text if len(text) <= longest else f"{text[:longest]}…"

    def _traceback(self, value: object) -> str:
        text = self.redactor.clean(str(value))
        return text if len(text) <= LONGEST_TRACEBACK else f"…{text[-LONGEST_TRACEBACK:]}"  # its end says what it was


@frozen
class Stamp:
    """The time of a line."""

    clock: Clock

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["time"] = rfc3339(self.clock.now())
        return event


_JSON = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str)


def json_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    """ASCII only: newlines, escape sequences and direction marks cannot act on who reads it."""
    first = {name: event.pop(name) for name in ("time", "level", "event") if name in event}
    return _JSON.encode({**first, **event})


def journal_line(_: WrappedLogger, method: str, event: EventDict) -> str:
    """With the priority in front; journald has the time."""
    priority = PRIORITY.get(str(event.get("level")), 6)
    return f"<{priority}>{json_line(_, method, event)}"


@frozen
class ConsoleLine:
    """For a person: time, level, event, fields. Control characters are shown, not obeyed."""

    colours: bool

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> str:
        time, level = str(event.pop("time", ""))[11:19], str(event.pop("level", "info"))
        name, traceback = event.pop("event", ""), event.pop("exception", None) or event.pop("stack", None)
        fields = " ".join(f"{visible(key)}={visible(str(value))}" for key, value in event.items())
        tint = {"warning": "33", "error": "31", "critical": "31;1", "debug": "2"}.get(level, "32")
        shown = f"\x1b[{tint}m{level:<8}\x1b[0m" if self.colours else f"{level:<8}"
        line = f"{time} {shown} {visible(str(name))} {fields}".rstrip()
        return line if traceback is None else line + "".join(f"\n  | {visible(x)}" for x in traceback.splitlines())


def _said(value: object) -> str:
    try:
        return str(value)
    except Exception:  # whatever a stranger's __str__ may raise: a log line must not fail its caller
        return f"<{type(value).__name__}>"


def visible(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


@frozen
class Lines:
    """The last step: a line to a stream. A stream that is full or gone must not stop the daemon."""

    stream: TextIO

    def msg(self, line: str) -> None:
        try:
            self.stream.write(line + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = msg


class Foreign(logging.Handler):
    """Takes the libraries' lines into ours: the logger's name as the event."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        level = max((n for n in LEVELS if LEVELS[n] <= record.levelno), key=LEVELS.__getitem__, default="debug")
        log = structlog.get_logger()
        getattr(log, level)(record.name, logger=record.name, message=message, exc_info=record.exc_info)


def configure(
    settings: Log,
    redactor: Redactor,
    floods: Floods,
    *,
    stream: TextIO,
    environ: Mapping[str, str],
) -> None:
    """Once at the start, and again when a reload changes [log]."""
    clock = floods.clock
    journal = settings.format == "auto" and to_journal(environ, stream)
    terminal = stream.isatty()
    console = settings.format == "console" or (settings.format == "auto" and terminal and not journal)
    steps: list[Any] = [
        floods,  # first: what it drops costs no more
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        Clean(redactor, settings.message_text),
    ]
    if not journal:
        steps.append(Stamp(clock))
    if console:
        steps.append(ConsoleLine(colours=terminal and not environ.get("NO_COLOR")))
    else:
        steps.append(journal_line if journal else json_line)
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
        logger_factory=lambda *_: Lines(stream),
        cache_logger_on_first_use=False,  # a reload changes the level under loggers that exist
    )
    _take_over(LEVELS[settings.level])


def to_journal(environ: Mapping[str, str], stream: TextIO) -> bool:
    """Whether the stream is the one systemd connected to the journal: JOURNAL_STREAM is its device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _take_over(level: int) -> None:
    """The standard library's loggers write through ours; aiohttp's access log, which names secret paths, is off."""
    logging.basicConfig(handlers=[Foreign()], level=max(level, logging.INFO), force=True)
    access = logging.getLogger("aiohttp.access")
    access.disabled = True

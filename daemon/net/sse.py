"""Server-sent events out of bytes that arrive in any pieces: bounded, and never surprised by what is between them."""

from attrs import define, field, frozen

BOM = b"\xef\xbb\xbf"
LINE_FEED, CARRIAGE_RETURN = b"\n", b"\r"
LONGEST_FIELD = 16  # bytes before a line's value: a byte order mark, "event", colon and space
LONGEST_NAME = 200  # bytes; names are words
MOST_EVENT = 1024 * 1024  # bytes of one event: a chunk of an answer is some hundred


@frozen
class Event:
    data: str
    name: str = "message"
    cut: bool = False  # longer than the reader allows: `data` is only its beginning


@define
class SseReader:
    """Feed it the stream; it gives each event once its closing blank line is there.

    `id`, `retry` and comments are read and dropped: nobody here resumes a stream by them.
    """

    most_bytes: int = MOST_EVENT
    _line: bytearray = field(factory=bytearray, init=False)  # begun, not ended
    _data: list[bytes] = field(factory=list, init=False)
    _name: str = field(default="", init=False)
    _room: int = field(init=False)  # what is left of `most_bytes` for this event
    _cut: bool = field(default=False, init=False)
    _long: bool = field(default=False, init=False)  # the line begun has lost its end
    _after_return: bool = field(default=False, init=False)  # a line feed now ends no second line
    _first: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._room = self.most_bytes

    def feed(self, piece: bytes) -> list[Event]:
        """The events that `piece` completes."""
        events: list[Event] = []
        if not piece:
            return events
        if self._after_return:
            piece = piece.removeprefix(LINE_FEED)
        self._after_return = piece.endswith(CARRIAGE_RETURN)
        for part in piece.splitlines(keepends=True):  # bytes split at CR, LF and CRLF only
            content = part.rstrip(b"\r\n")
            ended = len(content) < len(part)
            if ended and not self._line and not self._first and len(content) <= self.most_bytes:
                event = self._line_ended(content, long=False)  # whole, as nearly all are: nothing of it is kept
            else:
                self._keep(content)
                event = self._end_line() if ended else None
            if event is not None:
                events.append(event)
        return events

    def end(self) -> Event | None:
        """What whole lines had said when the stream ended without the blank line; half a line says nothing."""
        return self._dispatch()

    def _keep(self, content: bytes) -> None:
        room = self.most_bytes + LONGEST_FIELD - len(self._line)
        self._line += content[:room]
        self._long = self._long or len(content) > room

    def _end_line(self) -> Event | None:
        line = bytes(self._line)
        self._line.clear()
        if self._first:
            line, self._first = line.removeprefix(BOM), False
        long, self._long = self._long, False
        return self._line_ended(line, long=long)

    def _line_ended(self, line: bytes, *, long: bool) -> Event | None:
        if line:
            self._take(line, long=long)
            return None
        return self._dispatch()

    def _take(self, line: bytes, *, long: bool) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add(value, long=long)
        elif name == b"event":
            self._name = value[:LONGEST_NAME].decode("utf-8", "replace")

    def _add(self, value: bytes, *, long: bool) -> None:
        if self._room <= 0 or len(value) > self._room or long:
            self._cut = True
        if self._room > 0:
            self._data.append(value[: self._room])
        self._room -= len(value) + 1  # the line's end counts: empty lines are bounded too

    def _dispatch(self) -> Event | None:
        data, name, cut = self._data, self._name, self._cut
        self._data, self._name, self._cut, self._room = [], "", False, self.most_bytes
        if not data:
            return None
        return Event(b"\n".join(data).decode("utf-8", "replace"), name or "message", cut)

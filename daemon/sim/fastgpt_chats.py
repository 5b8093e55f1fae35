"""What a simulated FastGPT remembers of its chats."""

import asyncio
from collections import OrderedDict
from typing import Any

from attrs import define, field

from daemon.clock import Clock, rfc3339
from daemon.sim.bell import Bell

MOST_CHATS = 20_000  # the least recently used are forgotten
MOST_RECORDS = 100_000  # of all chats together, ~3 kB each

Row = dict[str, Any]


@define(eq=False)
class Record:
    """One answer, and how it came about."""

    question: str
    answer: str
    rows: list[Row]
    feedback: dict[str, str] = field(factory=dict)  # userGoodFeedback, userBadFeedback


@define(eq=False)
class Paused:
    """A run that waits for the user."""

    interactive: dict[str, Any]
    data_id: str


@define(eq=False)
class Chat:
    app_id: str
    chat_id: str
    title: str = ""
    custom_title: str | None = None
    top: bool = False
    began_at: str = ""
    updated_at: str = ""
    turns: int = 0
    running: asyncio.Event | None = None  # set to stop the run
    paused: Paused | None = None
    variables: dict[str, Any] = field(factory=dict)
    records: dict[str, Record] = field(factory=dict)  # by dataId


@define(eq=False)
class Chats:
    clock: Clock
    changed: Bell = field(factory=Bell, init=False)  # rung when a run begins or ends
    _chats: OrderedDict[tuple[str, str], Chat] = field(factory=OrderedDict, init=False)
    _records: int = field(default=0, init=False)

    def __len__(self) -> int:
        return len(self._chats)

    def find(self, app_id: str, chat_id: str) -> Chat | None:
        return self._chats.get((app_id, chat_id))

    def open(self, app_id: str, chat_id: str) -> Chat:
        place = (app_id, chat_id)
        chat = self._chats.get(place)
        if chat is None:
            now = rfc3339(self.clock.now())
            chat = self._chats[place] = Chat(app_id, chat_id, began_at=now, updated_at=now)
            if len(self._chats) > MOST_CHATS:
                self._forget_one()
        self._chats.move_to_end(place)
        return chat

    def begin(self, chat: Chat, stop: asyncio.Event) -> None:
        chat.running, chat.updated_at = stop, rfc3339(self.clock.now())
        self.changed.ring()

    def end(self, chat: Chat) -> None:
        chat.running = None
        chat.turns += 1
        self.changed.ring()

    def remember(self, chat: Chat, data_id: str, record: Record) -> None:
        """A resumed run extends the record it began."""
        earlier = chat.records.get(data_id)
        if earlier is not None:
            whole = earlier.answer + record.answer
            record = Record(earlier.question, whole, earlier.rows + record.rows, earlier.feedback)
        self._records += earlier is None
        chat.records[data_id] = record
        if self._records > MOST_RECORDS and len(self._chats) > 1:
            self._forget_one()

    def of(self, app_id: str) -> list[Chat]:
        """Pinned ones first, then by their last use, newest first."""
        chats = [chat for chat in reversed(self._chats.values()) if chat.app_id == app_id]
        return sorted(chats, key=lambda chat: not chat.top)

    def remove(self, app_id: str, chat_id: str) -> None:
        chat = self._chats.pop((app_id, chat_id), None)
        self._records -= len(chat.records) if chat else 0

    def drop(self, chat: Chat, data_id: str) -> None:
        """One answer of it."""
        self._records -= chat.records.pop(data_id, None) is not None

    def _forget_one(self) -> None:
        _, chat = self._chats.popitem(last=False)
        self._records -= len(chat.records)

"""What a simulated FastGPT remembers of its chats."""

import asyncio
from collections import OrderedDict
from typing import Any

from attrs import define, field

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
    turns: int = 0
    running: asyncio.Event | None = None  # set to stop the run
    paused: Paused | None = None
    variables: dict[str, Any] = field(factory=dict)
    records: dict[str, Record] = field(factory=dict)  # by dataId


@define(eq=False)
class Chats:
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
            chat = self._chats[place] = Chat(app_id, chat_id)
            if len(self._chats) > MOST_CHATS:
                self._forget_one()
        self._chats.move_to_end(place)
        return chat

    def begin(self, chat: Chat, stop: asyncio.Event) -> None:
        chat.running = stop
        self.changed.ring()

    def end(self, chat: Chat) -> None:
        chat.running = None
        chat.turns += 1
        self.changed.ring()

    def remember(self, chat: Chat, data_id: str, record: Record) -> None:
        """A resumed run extends the record it began."""
        earlier = chat.records.get(data_id)
        if earlier is not None:
            record = Record(earlier.question, earlier.answer + record.answer, earlier.rows + record.rows)
        self._records += earlier is None
        chat.records[data_id] = record
        if self._records > MOST_RECORDS and len(self._chats) > 1:
            self._forget_one()

    def _forget_one(self) -> None:
        _, chat = self._chats.popitem(last=False)
        self._records -= len(chat.records)

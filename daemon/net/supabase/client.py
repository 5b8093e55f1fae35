"""Supabase's data API (PostgREST) as a store of conversations, with the project's service key."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeVar

from attrs import define, field, frozen

from daemon.codec import parse
from daemon.domain.dialogue import Dialogue, Line
from daemon.errors import (
    Invalid,
    NotFound,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.outbound import Outbound, Reply, Timeouts, retry_after
from daemon.net.supabase.wire import (
    DIALOGUE_COLUMNS,
    DIALOGUES,
    LINE_COLUMNS,
    LINES,
    dialogue_of,
    dialogue_row,
    line_of,
    line_row,
)
from daemon.secret import Secret

T = TypeVar("T")

SERVICE = "supabase"
IGNORE = "resolution=ignore-duplicates"
MOST_BYTES = 64 * 1024 * 1024  # of a page: 500 lines of the longest there are

NO_PARENT = "23503"  # foreign_key_violation
NO_TABLE = frozenset({"PGRST205", "PGRST204", "42P01", "42703"})  # no such table or column
BAD_KEY = frozenset({"PGRST300", "PGRST301", "PGRST302", "PGRST303"})


@frozen(kw_only=True)
class Patience:
    read: Timeouts = field(factory=lambda: Timeouts(connect=timedelta(seconds=2), total=timedelta(seconds=3)))
    write: Timeouts = field(factory=lambda: Timeouts(total=timedelta(seconds=15)))  # nobody waits for it


@define
class Supabase:
    """A DialogueStore. `url` is the project's, or that of a PostgREST without Supabase around it."""

    outbound: Outbound
    url: str
    key: Secret = field(repr=False)
    patience: Patience = field(factory=Patience)

    async def find(self, dialogue_id: str) -> Dialogue | None:
        query = {"select": DIALOGUE_COLUMNS, "id": f"eq.{dialogue_id}", "limit": "1"}
        rows = await self._call("GET", DIALOGUES, query, self.patience.read)
        return self._read(rows[:1], dialogue_of)[0] if rows else None

    async def open(self, dialogue: Dialogue) -> Dialogue:
        query = {"select": DIALOGUE_COLUMNS, "on_conflict": "id"}
        prefer = f"{IGNORE},return=representation"  # of what was inserted: nothing where it was there
        made = await self._call("POST", DIALOGUES, query, self.patience.write, [dialogue_row(dialogue)], prefer=prefer)
        if made:
            return self._read(made[:1], dialogue_of)[0]
        return await self.find(dialogue.id) or dialogue

    async def append(self, lines: Sequence[Line]) -> None:
        rows, query = [line_row(line) for line in lines], {"on_conflict": "id"}
        told = await self._call("POST", LINES, query, self.patience.write, rows, prefer=f"{IGNORE},return=minimal")
        if told:  # whoever answers like this has not read what we asked for
            raise self._nonsense("rows, where none were asked for")

    async def page(self, dialogue_id: str, *, before: str | None, limit: int) -> list[Line]:
        query = {
            "select": LINE_COLUMNS,
            "conversation_id": f"eq.{dialogue_id}",
            "order": "id.desc",
            "limit": str(limit),
        }
        if before is not None:
            query["id"] = f"lt.{before}"
        rows = await self._call("GET", LINES, query, self.patience.read)
        return self._read(rows, line_of)[::-1]

    async def forget(self, dialogue_id: str) -> None:
        await self._call("DELETE", DIALOGUES, {"id": f"eq.{dialogue_id}"}, self.patience.write, prefer="return=minimal")

    async def _call(
        self,
        method: str,
        table: str,
        query: Mapping[str, str],
        timeouts: Timeouts,
        rows: list[dict[str, Any]] | None = None,
        *,
        prefer: str = "",
    ) -> list[Any]:
        """The rows that come back. Every call of ours may be repeated: they go by primary key."""
        base = self.url.rstrip("/")
        headers = {"apikey": self.key.reveal(), "Authorization": f"Bearer {self.key.reveal()}"}
        if prefer:
            headers["Prefer"] = prefer
        with self.outbound.metered(SERVICE):
            reply = await self.outbound.request(
                SERVICE,
                method,
                f"{base}/rest/v1/{table}",
                params=query,
                json=rows,
                headers=headers,
                timeouts=timeouts,
                repeatable=True,
                most_bytes=MOST_BYTES,
            )
            return self._rows(reply)

    def _rows(self, reply: Reply) -> list[Any]:
        if reply.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(reply, self.outbound.detail(words(reply.body)))
        if not reply.body:
            return []
        try:
            rows = parse(reply.body)
        except Invalid:
            rows = None
        if not isinstance(rows, list):
            raise self._nonsense(reply.body)
        return rows

    def _read(self, rows: Sequence[Any], read: Callable[[Any], T]) -> list[T]:
        try:
            return [read(row) for row in rows]
        except Invalid as error:
            raise self._nonsense(str(error)) from None

    def _nonsense(self, words: object) -> RemoteNonsense:
        return RemoteNonsense("supabase.not_an_answer", service=SERVICE, detail=self.outbound.detail(words))


def refusal(reply: Reply, detail: str) -> RemoteError | NotFound:
    """What a refusal means. PostgREST's own and PostgreSQL's errors have a code; the gateway's before it have none."""
    code = _code(reply.body)
    match reply.status:
        case _ if code == NO_PARENT:
            return NotFound("conversation.not_found")
        case _ if code in NO_TABLE:
            return RemoteRefused("supabase.no_table", service=SERVICE, detail=detail)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return RemoteUnauthorized("supabase.unauthorized", service=SERVICE, detail=detail)
        case _ if code in BAD_KEY:
            return RemoteUnauthorized("supabase.unauthorized", service=SERVICE, detail=detail)
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait = retry_after(reply.headers)
            return RemoteLimited("supabase.limited", service=SERVICE, retry_after=wait, detail=detail)
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # 540: the project is paused
            return RemoteUnavailable("supabase.unavailable", service=SERVICE, detail=f"HTTP {status}: {detail}")
        case status:
            return RemoteRefused("supabase.refused", service=SERVICE, detail=f"HTTP {status}: {detail}")


def words(body: bytes) -> object:
    """What a refusal says, without its `details`: PostgreSQL shows the row in them, and so what somebody said."""
    told = _document(body)
    message = told.get("message")
    return f"{_code(body)} {message}".strip() if isinstance(message, str) and message else body


def _code(body: bytes) -> str:
    code = _document(body).get("code")
    return code if isinstance(code, str) else ""


def _document(body: bytes) -> dict[str, Any]:
    try:
        told = parse(body)
    except Invalid:
        return {}
    return told if isinstance(told, dict) else {}

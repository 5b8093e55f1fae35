"""Our conversations as rows of docs/supabase.sql, and back. Names of tables and columns are those of that file."""

from datetime import datetime
from typing import Any

from attrs import frozen

from daemon.clock import rfc3339
from daemon.codec import structure
from daemon.domain.dialogue import Dialogue, Line

DIALOGUES, LINES = "qiaod_conversations", "qiaod_messages"
DIALOGUE_COLUMNS = "id,user_id,made_by,chat,created_at"
LINE_COLUMNS = "id,conversation_id,content,is_user,workflow_id,created_at"


@frozen(kw_only=True)
class DialogueRow:
    id: str
    user_id: str
    created_at: datetime
    made_by: str = ""
    chat: str = ""


@frozen(kw_only=True)
class LineRow:
    id: str
    conversation_id: str
    content: str
    is_user: bool
    created_at: datetime
    workflow_id: str | None = None


def dialogue_row(dialogue: Dialogue) -> dict[str, Any]:
    return {
        "id": _storable(dialogue.id),
        "user_id": _storable(dialogue.user_id),
        "made_by": dialogue.made_by,
        "chat": dialogue.chat,
        "created_at": rfc3339(dialogue.created_at),
    }


def line_row(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "conversation_id": _storable(line.dialogue_id),
        "content": _storable(line.content),
        "is_user": line.is_user,
        "workflow_id": line.workflow_id,
        "created_at": rfc3339(line.created_at),
    }


def dialogue_of(row: Any) -> Dialogue:
    """Invalid where it is none."""
    told = structure(row, DialogueRow, foreign=True)
    return Dialogue(id=told.id, user_id=told.user_id, made_by=told.made_by, chat=told.chat, created_at=told.created_at)


def line_of(row: Any) -> Line:
    """Invalid where it is none."""
    told = structure(row, LineRow, foreign=True)
    return Line(
        id=told.id,
        dialogue_id=told.conversation_id,
        content=told.content,
        is_user=told.is_user,
        workflow_id=told.workflow_id,
        created_at=told.created_at,
    )


def _storable(text: str) -> str:
    """PostgreSQL takes any character in a text but this one."""
    return text.replace("\x00", "")

"""FastGPT's chats as it lists them, in our words. Field names here are theirs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from daemon.domain.chat import Chat, ChatRecord
from daemon.net.fastgpt import wire_answer
from daemon.net.fastgpt.wire_values import items
from daemon.net.foreign import LONGEST_TEXT, document, said, text, whole

ROLES = {"Human": "user", "AI": "assistant", "System": "system"}


def chats(found: object) -> tuple[list[Chat], int]:
    """A page and the number of all."""
    page = [document(item) for item in items(document(found).get("list"))]
    read = [_chat(item) for item in page if text(item.get("chatId"))]
    return read, max(whole(document(found).get("total")), len(read))


def records(found: object) -> tuple[list[ChatRecord], int]:
    page = [document(item) for item in items(document(found).get("list"))]
    return [_record(item) for item in page], max(whole(document(found).get("total")), len(page))


def _chat(item: Mapping[str, Any]) -> Chat:
    title = text(item.get("customTitle")) or text(item.get("title"))
    return Chat(id=text(item.get("chatId")), title=title[:LONGEST_TEXT], updated_at=_moment(item.get("updateTime")))


def _record(item: Mapping[str, Any]) -> ChatRecord:
    return ChatRecord(
        id=text(item.get("dataId")) or text(item.get("_id")),
        role=ROLES.get(text(item.get("obj")), "system"),
        text=wire_answer.content(item.get("value")).text[:LONGEST_TEXT],
        at=_moment(item.get("time")),
        good=text(item.get("userGoodFeedback"))[:LONGEST_TEXT] or None,
        bad=text(item.get("userBadFeedback"))[:LONGEST_TEXT] or None,
        error=said(item.get("errorMsg"))[:LONGEST_TEXT] or None,
    )


def _moment(value: object) -> datetime | None:
    """What is no time is none: it is only shown."""
    try:
        moment = datetime.fromisoformat(text(value))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None

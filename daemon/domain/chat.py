"""What an AI service keeps of its chats."""

from datetime import datetime

from attrs import frozen


@frozen(kw_only=True)
class Chat:
    id: str
    title: str
    updated_at: datetime | None


@frozen(kw_only=True)
class ChatRecord:
    """One message of a chat."""

    id: str
    role: str  # user or assistant
    text: str
    at: datetime | None
    good: str | None  # feedback as the service has it
    bad: str | None
    error: str | None

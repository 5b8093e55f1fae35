"""What a workflow is asked: the waiting messages as one question, and what was said before. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from daemon.domain import mention
from daemon.domain.conversation import Author, Conversation
from daemon.domain.job import JobId
from daemon.domain.media import READ, MediaFile, MediaState
from daemon.domain.message import Wxid
from daemon.domain.pause import OpenPause
from daemon.domain.turn import Turn
from daemon.domain.workflow import Attachment, Memory, Question, Role, Said, Workflow
from daemon.store.messages import Pending
from daemon.store.turns import Earlier

MOST_HISTORY = 24_000  # characters: some 8,000 to 24,000 tokens, below what common models take
MOST_ATTACHMENTS = 20  # of one question; the latest
NOT_HERE = "（未能接收）"  # after the words that stand for a picture or a file: it could not be fetched


@frozen(kw_only=True)
class Asked:
    """A turn under way."""

    job_id: JobId
    turn: Turn
    conversation: Conversation
    speaker: Wxid  # who is answered in a room
    nickname: str | None
    earlier: tuple[Earlier, ...]
    media: tuple[MediaFile, ...] = ()  # what came with the messages and is here
    attachments: tuple[Attachment, ...] = ()  # that, as the workflow is given it
    chat: str = ""  # in which a service that remembers goes on
    pause: OpenPause | None = None  # that a reply to is here
    said: str = ""  # the reply to the pause: what its speaker wrote
    content: str = ""  # what the reply comes to for the workflow that waits

    def too_late(self, now: datetime, age: timedelta) -> bool:
        return now - self.turn.created_at > age


def compose(waiting: Sequence[Pending]) -> str:
    """The messages as one text; with their speakers' names where several people speak."""
    several = len({message.sender for message in waiting}) > 1
    return "\n".join(_line(message, _words(message), several) for message in waiting)


def brought(waiting: Sequence[Pending]) -> tuple[MediaFile, ...]:
    """What came with the messages and is here, in their order."""
    media = [message.medium for message in waiting if message.medium is not None]
    return tuple(one for one in media if one.kind in READ and one.state is MediaState.READY)[-MOST_ATTACHMENTS:]


def left_to_wait(waiting: Sequence[Pending], now: datetime, most: timedelta) -> timedelta | None:
    """How long the question still waits for what came with it, counted from its first message; None: no longer."""
    open_ones = [m for m in waiting if m.medium is not None and m.medium.state is MediaState.WAITING]
    left = min((message.received_at for message in waiting), default=now) + most - now
    return left if open_ones and left > timedelta() else None


def said_by(waiting: Sequence[Pending], speaker: str) -> str:
    """What one of them wrote, a message a line."""
    return "\n".join(mention.question(message.text) for message in waiting if message.sender == speaker)


def _words(message: Pending) -> str:
    """Its text, which for what has none is WeChat's own word for it: [图片], [文件] and its name."""
    text = mention.question(message.text)
    missing = message.medium is not None and message.medium.state is not MediaState.READY
    return f"{text}{NOT_HERE}" if missing else text


def _line(message: Pending, text: str, several: bool) -> str:
    return f"{message.nickname or message.sender}: {text}" if several else text


def question(asked: Asked, workflow: Workflow, *, request_id: str | None) -> Question:
    """For a service that remembers by itself only what is new; else everything it should know, and no chat.

    In a chat a service goes by what it remembers itself, and passes over the history it is told.
    """
    now = Said(role=Role.USER, text=asked.turn.question, attachments=asked.attachments)
    said, chat = alone(workflow, now, _history(asked.earlier)), None
    if asked.pause is not None:
        said, chat = (Said(role=Role.USER, text=asked.content),), asked.pause.chat
    elif workflow.memory is Memory.SERVICE:
        chat = asked.chat
    return Question(
        turn_id=asked.turn.id,
        conversation=chat,
        user=asked.conversation.peer,
        messages=said,
        variables=dict(workflow.variables),
        request_id=request_id,
        resumes=asked.pause.record if asked.pause else None,
    )


def alone(workflow: Workflow, said: Said, earlier: Sequence[Said] = ()) -> tuple[Said, ...]:
    """All it is told at once: where we remember for it, what was said before as well, the latest that fits."""
    return (*_system(workflow), *_latest(earlier), said) if workflow.memory is Memory.DAEMON else (said,)


def told_all(workflow: Workflow, messages: Sequence[Said]) -> tuple[Said, ...]:
    """What its caller has put together, whoever remembers otherwise; its own instructions come before theirs."""
    return (*_system(workflow), *messages)


def _system(workflow: Workflow) -> list[Said]:
    return [Said(role=Role.SYSTEM, text=workflow.system_prompt)] if workflow.system_prompt else []


def _history(earlier: Iterable[Earlier]) -> list[Said]:
    """What a person of ours wrote counts as the assistant's side."""
    return [Said(role=Role.USER if line.author is Author.PEER else Role.ASSISTANT, text=line.text) for line in earlier]


def _latest(said: Sequence[Said]) -> list[Said]:
    """The latest lines that fit, oldest first."""
    kept: list[Said] = []
    room = MOST_HISTORY
    for line in reversed(said):
        room -= len(line.text)
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]

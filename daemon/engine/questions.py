"""What a workflow is asked: the waiting messages as one question, and what was said before. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from daemon.domain import mention
from daemon.domain.conversation import Author, Conversation
from daemon.domain.job import JobId
from daemon.domain.message import Wxid
from daemon.domain.turn import Turn
from daemon.domain.workflow import Memory, Question, Role, Said, Workflow
from daemon.store.messages import Pending
from daemon.store.turns import Earlier

MOST_HISTORY = 24_000  # characters: some 8,000 to 24,000 tokens, below what common models take


@frozen(kw_only=True)
class Asked:
    """A turn under way."""

    job_id: JobId
    turn: Turn
    conversation: Conversation
    speaker: Wxid  # who is answered in a room
    nickname: str | None
    earlier: tuple[Earlier, ...]

    def too_late(self, now: datetime, age: timedelta) -> bool:
        return now - self.turn.created_at > age


def compose(waiting: Sequence[Pending]) -> str:
    """The messages as one text; with their speakers' names where several people speak."""
    several = len({message.sender for message in waiting}) > 1
    return "\n".join(_line(message, mention.question(message.text), several) for message in waiting)


def _line(message: Pending, text: str, several: bool) -> str:
    return f"{message.nickname or message.sender}: {text}" if several else text


def question(asked: Asked, workflow: Workflow, *, request_id: str | None) -> Question:
    """For a service that remembers by itself only what is new; else everything it should know."""
    said = [Said(role=Role.USER, text=asked.turn.question)]
    if workflow.memory is Memory.DAEMON:
        said = [*_system(workflow), *_history(asked.earlier), *said]
    return Question(
        turn_id=asked.turn.id,
        conversation=asked.conversation.id,
        user=asked.conversation.peer,
        messages=tuple(said),
        variables=dict(workflow.variables),
        request_id=request_id,
    )


def _system(workflow: Workflow) -> list[Said]:
    return [Said(role=Role.SYSTEM, text=workflow.system_prompt)] if workflow.system_prompt else []


def _history(earlier: Iterable[Earlier]) -> list[Said]:
    """The latest lines that fit, oldest first; what a person of ours wrote counts as the assistant's side."""
    kept: list[Said] = []
    room = MOST_HISTORY
    for line in reversed(tuple(earlier)):
        room -= len(line.text)
        if room < 0:
            break
        kept.append(Said(role=Role.USER if line.author is Author.PEER else Role.ASSISTANT, text=line.text))
    return kept[::-1]

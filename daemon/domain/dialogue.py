"""A conversation of the chat API: between a user of the caller's naming and a workflow, without WeChat."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.domain.access import Actor, Role


class Place(StrEnum):
    """Where it is kept."""

    HERE = "here"  # in our own store, and nowhere else
    OUTGOING = "outgoing"  # in our own store, on its way to the other
    COPY = "copy"  # in the other; here too for a while


@frozen(kw_only=True)
class Dialogue:
    id: str  # the caller's own name of it
    user_id: str  # who wrote first
    made_by: str  # the actor whose call that was
    chat: str  # its name at a service that remembers
    created_at: datetime


@frozen(kw_only=True)
class Line:
    """What one side said. Ids are in the order things were said."""

    id: str
    dialogue_id: str
    content: str
    is_user: bool
    workflow_id: str | None  # of an answer: whose it is
    created_at: datetime


@frozen(kw_only=True)
class Excerpt:
    """Some of what was said, oldest first."""

    lines: tuple[Line, ...]
    more: bool  # there is more before it
    complete: bool = True  # False: the other store does not answer, and this is what we have here


def opens_to(dialogue: Dialogue, user_id: str, by: Actor) -> bool:
    """Whether this user, through this caller, may read it, write in it and delete it. The one place that says so.

    It is the user's who wrote first. A caller who is limited to some accounts, or is an agent, has those alone that
    were made with its own key: a dialogue belongs to no account.
    """
    limited = by.accounts is not None or by.role is Role.AGENT
    return dialogue.user_id == user_id and (not limited or dialogue.made_by == by.id)

"""What a workflow asks a person before it goes on: one question, or a form of several."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen


class FieldKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    SWITCH = "switch"  # yes or no
    CHOICE = "choice"
    CHOICES = "choices"  # any number of the options
    FILE = "file"  # its address


class PauseKind(StrEnum):
    SELECT = "select"  # answered with the text of one option
    FORM = "form"  # answered with one JSON object, filled in field by field
    ASK = "ask"  # an agent's questions: as a form, but one alone is answered with its text


@frozen(kw_only=True)
class Option:
    value: Any  # what the service wants to hear
    label: str  # what a person reads


@frozen(kw_only=True)
class Field:
    """One thing that is asked. `least` and `most` bound a number, or the length of a text."""

    key: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    description: str = ""
    required: bool = True
    options: tuple[Option, ...] = ()
    least: float | None = None
    most: float | None = None
    default: Any = None


@frozen(kw_only=True)
class Pause:
    kind: PauseKind
    description: str
    fields: tuple[Field, ...]  # never none


@frozen(kw_only=True)
class OpenPause:
    """A pause that waits for its answer."""

    conversation: str  # a WeChat conversation, or one of the API's
    workflow_id: str
    chat: str  # the service's: the answer must come in this one
    record: str  # the answer that goes on
    speaker: str  # who was asked: in a room nobody else answers
    pause: Pause
    answers: dict[str, Any] = field(factory=dict)
    wrong: int = 0  # answers in a row that did not fit
    asked_at: datetime
    expires_at: datetime

    @property
    def current(self) -> Field:
        """What is asked now."""
        return next(wanted for wanted in self.pause.fields if wanted.key not in self.answers)

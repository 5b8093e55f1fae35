"""What a message is, by kind: one frozen type each, told apart by `kind`."""

from typing import ClassVar

from attrs import frozen


@frozen(kw_only=True)
class Text:
    kind: ClassVar[str] = "text"


@frozen(kw_only=True)
class Unknown:
    """A kind we have no type for; the message keeps the callback as it came."""

    kind: ClassVar[str] = "unknown"
    wire_type: str


Content = Text | Unknown

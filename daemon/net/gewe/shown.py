"""A content, and what a person would read of it."""

from typing import NamedTuple

from daemon.domain.content import Content


class Shown(NamedTuple):
    content: Content
    text: str

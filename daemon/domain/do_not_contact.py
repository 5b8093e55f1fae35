"""People and rooms that asked to be left alone: only what they write themselves is still answered."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.domain.message import AccountId, Wxid


class Reason(StrEnum):
    OPERATOR = "operator"  # somebody put them on the list
    STOP_WORD = "stop_word"  # they wrote one of campaign.stop_words


@frozen(kw_only=True)
class LeftAlone:
    id: str
    account_id: AccountId | None  # None: by none of our accounts
    peer: Wxid
    reason: Reason
    note: str
    created_at: datetime
    created_by: str


def is_stop_word(text: str, words: frozenset[str]) -> bool:
    """Whether the whole text, trimmed and whatever its case, is one of `words` (which are casefolded)."""
    return text.strip().casefold() in words

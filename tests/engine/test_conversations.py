"""Who answers: decided by the account's policy, the conversation and the message alone."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.account import AccountState, MediaPolicy, ReplyPolicy, RoomPolicy
from daemon.domain.content import Image
from daemon.domain.conversation import Kept
from daemon.domain.message import MENTION_ALL, Origin, Wxid
from daemon.domain.shared import Quote
from daemon.engine.conversations import why_kept, why_silent
from tests.engine.samples import ANN, BOT, NOW, ROOM, account, conversation, in_room, message


def empty(kind: Any) -> Any:
    """A content whose fields do not matter."""
    return kind(**{field.name: None for field in kind.__attrs_attrs__})


def policy(**rooms: Any) -> ReplyPolicy:
    return ReplyPolicy(rooms=RoomPolicy(**rooms))


def test_a_text_from_a_person_is_answered() -> None:
    assert why_kept(account(), conversation(), message(), now=NOW) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"origin": Origin.SELF}, Kept.SELF),
        ({"origin": Origin.SYSTEM}, Kept.SYSTEM),
        ({"sent_at": NOW - timedelta(minutes=6)}, Kept.HISTORICAL),
        ({"origin": Origin.SELF, "sent_at": NOW - timedelta(minutes=6)}, Kept.HISTORICAL),
        ({"text": " \n"}, Kept.NOT_TEXT),
    ],
)
def test_what_is_no_fresh_text_of_somebody_else_is_kept(changes: dict[str, Any], reason: Kept) -> None:
    assert why_kept(account(), conversation(), message(**changes), now=NOW) is reason


def test_a_picture_is_kept_where_the_policy_does_not_give_it_to_the_workflow() -> None:
    policy = ReplyPolicy(media=MediaPolicy(read=False))
    assert why_kept(account(policy=policy), conversation(), message(content=empty(Image)), now=NOW) is Kept.NOT_TEXT


def test_a_quote_is_answered_like_a_text() -> None:
    assert why_kept(account(), conversation(), message(content=empty(Quote)), now=NOW) is None


def test_a_message_just_within_the_age_is_answered() -> None:
    assert why_kept(account(), conversation(), message(sent_at=NOW - timedelta(minutes=5)), now=NOW) is None


def test_a_blocked_person_is_not_answered() -> None:
    assert why_kept(account(policy=ReplyPolicy(block=(ANN,))), conversation(), message(), now=NOW) is Kept.BLOCKED


def test_with_an_allow_list_only_those_on_it_are_answered() -> None:
    listed, other = ReplyPolicy(allow=(ANN,)), ReplyPolicy(allow=(Wxid("wxid_other"),))
    assert why_kept(account(policy=listed), conversation(), message(), now=NOW) is None
    assert why_kept(account(policy=other), conversation(), message(), now=NOW) is Kept.NOT_ALLOWED


def test_private_messages_can_be_left_to_people() -> None:
    assert why_kept(account(policy=ReplyPolicy(private=False)), conversation(), message(), now=NOW) is Kept.NOT_ALLOWED


def test_a_room_is_answered_when_the_account_is_mentioned() -> None:
    assert why_kept(account(), conversation(peer=ROOM), in_room(mentions=frozenset({BOT})), now=NOW) is None


def test_a_room_that_does_not_name_us_is_left_alone() -> None:
    assert why_kept(account(), conversation(peer=ROOM), in_room(), now=NOW) is Kept.NOT_ADDRESSED


def test_a_mention_of_everybody_does_not_count() -> None:
    everybody = in_room(mentions=frozenset({MENTION_ALL}))
    assert why_kept(account(), conversation(peer=ROOM), everybody, now=NOW) is Kept.NOT_ADDRESSED


def test_a_keyword_in_a_room_is_heard_whatever_its_case() -> None:
    listening = account(policy=policy(keywords=("Price",)))
    assert why_kept(listening, conversation(peer=ROOM), in_room("what is the PRICE?"), now=NOW) is None


@pytest.mark.parametrize("blocked", [ROOM, ANN])
def test_a_blocked_room_or_member_is_not_answered_even_when_it_names_us(blocked: Wxid) -> None:
    named = in_room(mentions=frozenset({BOT}))
    assert why_kept(account(policy=policy(block=(blocked,))), conversation(), named, now=NOW) is Kept.BLOCKED


def test_a_room_not_on_the_allow_list_is_not_answered() -> None:
    listed = account(policy=policy(allow=(Wxid("2@chatroom"),)))
    assert why_kept(listed, conversation(), in_room(mentions=frozenset({BOT})), now=NOW) is Kept.NOT_ALLOWED


def test_an_account_that_does_not_know_its_own_id_is_never_mentioned() -> None:
    named = in_room(mentions=frozenset({BOT}))
    assert why_kept(account(wxid=None), conversation(), named, now=NOW) is Kept.NOT_ADDRESSED


@pytest.mark.parametrize(
    ("of_account", "of_conversation", "reason"),
    [
        ({"state": AccountState.SUSPENDED}, {}, Kept.SUSPENDED),
        ({}, {"muted": True}, Kept.MUTED),
        ({}, {"held_until": NOW + timedelta(seconds=1)}, Kept.HELD),
        ({"workflow_id": None}, {}, Kept.NO_WORKFLOW),
        ({}, {"held_until": NOW}, None),
        ({}, {}, None),
    ],
)
def test_the_assistant_is_silent_while_somebody_wants_it_so(
    of_account: dict[str, Any], of_conversation: dict[str, Any], reason: Kept | None
) -> None:
    assert why_silent(account(**of_account), conversation(**of_conversation), now=NOW) is reason

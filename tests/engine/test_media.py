"""Which media are fetched and read, what they are called, and how long a question waits for them."""

from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.account import MediaPolicy
from daemon.domain.content import Content, Image, Video, Voice
from daemon.domain.media import MediaFile, MediaKind, MediaState
from daemon.domain.message import AccountId, ConversationId, MessageId, Wxid
from daemon.domain.shared import File
from daemon.engine.conversations import fetches, reads
from daemon.engine.media_units import LONGEST_NAME, shown_name
from daemon.engine.questions import MOST_ATTACHMENTS, brought, compose, left_to_wait
from daemon.store.messages import Pending
from tests.engine.samples import ANN, NOW, in_room, message

PICTURE = Image(xml="<msg/>", md5="", size=1)
VOICE = Voice(xml="<msg/>", number="1", length=timedelta(seconds=1), size=1)
VIDEO = Video(xml="<msg/>", md5="", length=timedelta(seconds=1), size=1)
FILE = File(xml="<msg/>", name="a.pdf", size=1, extension="pdf", md5="", announced_as="")
WAIT = timedelta(seconds=30)


def medium(state: MediaState = MediaState.READY, **changes: Any) -> MediaFile:
    fields: dict[str, Any] = {
        "message_id": MessageId("m"),
        "account_id": AccountId("account"),
        "conversation_id": ConversationId("conversation"),
        "kind": MediaKind.IMAGE,
        "state": state,
        "name": "",
        "url": None,
        "url_at": None,
        "file": None,
        "media_type": None,
        "size": 1,
        "sha256": None,
        "error": None,
        "created_at": NOW,
        "fetched_at": None,
    }
    return MediaFile(**(fields | changes))


def waiting(text: str = "[图片]", brings: MediaFile | None = None, *, age: float = 0) -> Pending:
    return Pending(
        id=MessageId(text),
        sender=Wxid(ANN),
        nickname=None,
        text=text,
        sent_at=NOW,
        sequence=0,
        received_at=NOW - timedelta(seconds=age),
        request_id=None,
        medium=brings,
    )


@pytest.mark.parametrize(
    ("content", "fetched", "read"),
    [(PICTURE, True, True), (FILE, True, True), (VOICE, True, False), (VIDEO, False, False)],
)
def test_by_default_pictures_and_files_are_fetched_and_read_and_voices_only_fetched(
    content: Content, fetched: bool, read: bool
) -> None:
    one = message(content=content)
    assert (fetches(MediaPolicy(), one), reads(MediaPolicy(), one)) == (fetched, read)


def test_what_is_not_fetched_is_not_read() -> None:
    assert not reads(MediaPolicy(fetch=()), message(content=PICTURE))
    assert not reads(MediaPolicy(read=False), message(content=PICTURE))
    assert not reads(MediaPolicy(), in_room(content=PICTURE))
    assert reads(MediaPolicy(rooms=True), in_room(content=PICTURE))


def test_a_question_waits_for_what_came_with_it_counted_from_its_first_message() -> None:
    late = waiting(brings=medium(MediaState.WAITING))
    assert left_to_wait([late], NOW, WAIT) == WAIT
    assert left_to_wait([waiting("看看", age=29), late], NOW, WAIT) == timedelta(seconds=1)
    assert left_to_wait([waiting("看看", age=30), late], NOW, WAIT) is None


@pytest.mark.parametrize("state", [MediaState.READY, MediaState.FAILED, MediaState.DROPPED])
def test_a_question_does_not_wait_for_what_has_ended(state: MediaState) -> None:
    assert left_to_wait([waiting(brings=medium(state)), waiting("看看")], NOW, WAIT) is None
    assert left_to_wait([], NOW, WAIT) is None


def test_what_could_not_be_fetched_is_said_to_be_missing() -> None:
    assert compose([waiting(brings=medium())]) == "[图片]"
    assert compose([waiting(brings=medium(MediaState.FAILED)), waiting("?")]) == "[图片]（未能接收）\n?"


def test_only_what_is_here_and_can_be_read_goes_along_and_not_too_much_of_it() -> None:
    here = [waiting(brings=medium(name=str(number))) for number in range(MOST_ATTACHMENTS + 5)]
    others = [waiting(brings=medium(MediaState.FAILED)), waiting(brings=medium(kind=MediaKind.VOICE)), waiting()]
    assert [one.name for one in brought([*here, *others])] == [str(number) for number in range(5, 25)]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("报价单.pdf", "报价单.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b\r\nSet-Cookie: x", "abSet-Cookie: x"),
        ("\ud800x", "x"),
        ("x" * 5000, "x" * LONGEST_NAME),
        ("../../etc/passwd", "../../etc/passwd"),
    ],
)
def test_a_name_is_shown_without_what_would_garble_it(told: str, shown: str) -> None:
    assert shown_name(told) == shown

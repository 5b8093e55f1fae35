"""How an account answers, as the API shows and takes it."""

from datetime import timedelta
from typing import Annotated

from attrs import field, frozen

from daemon.domain.account import (
    AcceptFriends,
    FriendPolicy,
    MediaPolicy,
    OnFailure,
    ReplyPolicy,
    RoomPolicy,
)
from daemon.domain.media import MediaKind
from daemon.domain.message import Wxid
from daemon.net.api.fields import ForeignId
from daemon.net.server.constraints import Length, Note, Range

Listed = Annotated[list[ForeignId], Length(0, 1000)]
Words = Annotated[list[Annotated[str, Length(1, 100)]], Length(0, 200)]


@frozen(kw_only=True)
class RoomPolicyBody:
    on_mention: Annotated[bool, Note("Answer when the account is @-ed by name; @-everybody does not count.")] = True
    keywords: Annotated[Words, Note("Answer when the text has one of these, whatever its case.")] = field(factory=list)
    allow: Annotated[Listed, Note("Rooms; none listed means every room.")] = field(factory=list)
    block: Annotated[Listed, Note("Rooms or members that are never answered.")] = field(factory=list)


@frozen(kw_only=True)
class FriendPolicyBody:
    accept: Annotated[AcceptFriends, Note("Whose friend requests are accepted without a person.")] = (
        AcceptFriends.NOBODY
    )
    keywords: Annotated[Words, Note("Accept who writes one of these, whatever its case.")] = field(factory=list)
    per_day: Annotated[int, Range(0, 200)] = 50
    greeting: Annotated[str, Length(0, 1000), Note("Sent to a new friend; empty: nothing.")] = ""
    remark: Annotated[str, Length(0, 100), Note("Given to a new friend; {nickname} and {date} are filled in.")] = ""


@frozen(kw_only=True)
class MediaPolicyBody:
    fetch: Annotated[
        list[MediaKind], Length(0, 4), Note("Kinds that are fetched by themselves; others on request.")
    ] = field(factory=lambda: list(MediaPolicy().fetch))
    rooms: Annotated[bool, Note("What is sent in rooms too: all fetches of an account share one safe pace.")] = False
    read: Annotated[bool, Note("Give the workflow the pictures and files that are fetched.")] = True


@frozen(kw_only=True)
class PolicyBody:
    """Spans that are left out are those of the settings."""

    private: Annotated[bool, Note("Answer people who write directly.")] = True
    allow: Annotated[Listed, Note("People; none listed means everyone.")] = field(factory=list)
    block: Annotated[Listed, Note("People who are never answered, in rooms neither.")] = field(factory=list)
    rooms: RoomPolicyBody = field(factory=RoomPolicyBody)
    merge_window_seconds: Annotated[float, Range(0, 60), Note("Silence that ends a turn.")] | None = None
    merge_most_seconds: Annotated[float, Range(0, 300), Note("A turn never waits longer.")] | None = None
    history: Annotated[int, Range(0, 200), Note("Earlier messages given to the workflow.")] | None = None
    takeover_minutes: (
        Annotated[float, Range(0, 10080), Note("How long our own message from the phone keeps the assistant quiet.")]
        | None
    ) = None
    stale_after_seconds: (
        Annotated[float, Range(6, 86400), Note("Older messages are history: kept, not answered.")] | None
    ) = None
    on_failure: OnFailure = OnFailure.SILENCE
    failure_text: Annotated[str, Length(0, 1000), Note("Said where every workflow failed.")] = ""
    friends: FriendPolicyBody = field(factory=FriendPolicyBody)
    media: MediaPolicyBody = field(factory=MediaPolicyBody)


def policy_body(policy: ReplyPolicy) -> PolicyBody:
    rooms = policy.rooms
    return PolicyBody(
        private=policy.private,
        allow=list(policy.allow),
        block=list(policy.block),
        rooms=RoomPolicyBody(
            on_mention=rooms.on_mention,
            keywords=list(rooms.keywords),
            allow=list(rooms.allow),
            block=list(rooms.block),
        ),
        merge_window_seconds=policy.merge_window.total_seconds(),
        merge_most_seconds=policy.merge_most.total_seconds(),
        history=policy.history,
        takeover_minutes=policy.takeover.total_seconds() / 60,
        stale_after_seconds=policy.stale_after.total_seconds(),
        on_failure=policy.on_failure,
        failure_text=policy.failure_text,
        friends=FriendPolicyBody(
            accept=policy.friends.accept,
            keywords=list(policy.friends.keywords),
            per_day=policy.friends.per_day,
            greeting=policy.friends.greeting,
            remark=policy.friends.remark,
        ),
        media=MediaPolicyBody(fetch=list(policy.media.fetch), rooms=policy.media.rooms, read=policy.media.read),
    )


def policy_of(body: PolicyBody, usual: ReplyPolicy) -> ReplyPolicy:
    rooms = body.rooms
    return ReplyPolicy(
        private=body.private,
        allow=tuple(map(Wxid, body.allow)),
        block=tuple(map(Wxid, body.block)),
        rooms=RoomPolicy(
            on_mention=rooms.on_mention,
            keywords=tuple(rooms.keywords),
            allow=tuple(map(Wxid, rooms.allow)),
            block=tuple(map(Wxid, rooms.block)),
        ),
        merge_window=_span(body.merge_window_seconds, usual.merge_window),
        merge_most=_span(body.merge_most_seconds, usual.merge_most),
        history=usual.history if body.history is None else body.history,
        takeover=usual.takeover if body.takeover_minutes is None else timedelta(minutes=body.takeover_minutes),
        stale_after=_span(body.stale_after_seconds, usual.stale_after),
        on_failure=body.on_failure,
        failure_text=body.failure_text,
        friends=FriendPolicy(
            accept=body.friends.accept,
            keywords=tuple(body.friends.keywords),
            per_day=body.friends.per_day,
            greeting=body.friends.greeting,
            remark=body.friends.remark,
        ),
        media=MediaPolicy(fetch=tuple(dict.fromkeys(body.media.fetch)), rooms=body.media.rooms, read=body.media.read),
    )


def _span(seconds: float | None, usual: timedelta) -> timedelta:
    return usual if seconds is None else timedelta(seconds=seconds)

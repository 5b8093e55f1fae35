"""A WeChat account that GeWe holds for us, and how it wants its messages answered."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import field, frozen

from daemon.domain.media import MediaKind
from daemon.domain.message import AccountId, AppId, Wxid
from daemon.secret import Secret

NEW_DEVICE = "new:"  # begins the app id of an account that GeWe has given no device yet; our id follows


class Product(StrEnum):
    """Which of GeWe's two products holds the account: what they can do differs."""

    HOSTED = "hosted"
    SELF_HOSTED = "self_hosted"


class AccountState(StrEnum):
    NEW = "new"
    QR_PENDING = "qr_pending"
    ONLINE = "online"
    RECONNECTING = "reconnecting"
    OFFLINE = "offline"
    SUSPENDED = "suspended"  # by an operator: nothing is sent or answered
    LOGGED_OUT = "logged_out"


class OnFailure(StrEnum):
    """What a person gets when every workflow failed."""

    SENTENCE = "sentence"
    SILENCE = "silence"


@frozen(kw_only=True)
class RoomPolicy:
    """When a message in a room is for us. A blocked room or member is never answered."""

    on_mention: bool = True  # @-ed by name; @-everybody does not count
    keywords: tuple[str, ...] = ()  # any of these in the text, case ignored
    allow: tuple[Wxid, ...] = ()  # rooms; none listed means every room
    block: tuple[Wxid, ...] = ()  # rooms or members


class AcceptFriends(StrEnum):
    NOBODY = "nobody"  # each request waits for a person
    EVERYBODY = "everybody"
    KEYWORDS = "keywords"  # whose words have one of ours


@frozen(kw_only=True)
class FriendPolicy:
    """Which friend requests are accepted without a person, and what the new friend is told."""

    accept: AcceptFriends = AcceptFriends.NOBODY
    keywords: tuple[str, ...] = ()  # any of these in what they wrote, case ignored
    per_day: int = 50
    greeting: str = ""  # sent to them once they are a friend; "": nothing
    remark: str = ""  # given to them, with {nickname} and {date} filled in; "": none


@frozen(kw_only=True)
class MediaPolicy:
    """Which media that people send are fetched without being asked for. Any other can be fetched through the API."""

    fetch: tuple[MediaKind, ...] = (MediaKind.IMAGE, MediaKind.VOICE, MediaKind.FILE)
    rooms: bool = False  # those sent in rooms too: many, and all fetches of an account share one safe pace
    read: bool = True  # the workflow is given the pictures and files


@frozen(kw_only=True)
class ReplyPolicy:
    """How an account answers. Spans are seconds in the API, timedelta here."""

    private: bool = True  # answer people who write directly
    allow: tuple[Wxid, ...] = ()  # people; none listed means everyone
    block: tuple[Wxid, ...] = ()
    rooms: RoomPolicy = field(factory=RoomPolicy)
    merge_window: timedelta = timedelta(seconds=1.5)  # silence that ends a turn
    merge_most: timedelta = timedelta(seconds=8)  # a turn never waits longer than this
    history: int = 20  # earlier messages given to the workflow
    takeover: timedelta = timedelta(minutes=30)  # how long a person's own message keeps the assistant quiet
    stale_after: timedelta = timedelta(minutes=5)  # older messages are history: kept, not answered
    on_failure: OnFailure = OnFailure.SILENCE
    failure_text: str = ""
    friends: FriendPolicy = field(factory=FriendPolicy)
    media: MediaPolicy = field(factory=MediaPolicy)


@frozen(kw_only=True)
class Account:
    id: AccountId
    app_id: AppId
    wxid: Wxid | None
    name: str
    product: Product
    base_url: str
    token: Secret  # X-GEWE-TOKEN
    state: AccountState
    state_reason: str | None
    workflow_id: str | None
    policy: ReplyPolicy
    created_at: datetime
    updated_at: datetime
    version: int  # raised by each change an operator makes; the ETag
    relogin: bool = True  # we log it in again by ourselves where GeWe lets us
    online_since: datetime | None = None  # of its first login: WeChat is stricter with one that is new

    @property
    def has_device(self) -> bool:
        return not self.app_id.startswith(NEW_DEVICE)

    @property
    def may_send(self) -> bool:
        return self.has_device and self.state not in {AccountState.SUSPENDED, AccountState.LOGGED_OUT}


class Signal(StrEnum):
    """What a callback says about the account itself."""

    ONLINE = "online"
    RECONNECTING = "reconnecting"
    OFFLINE = "offline"
    LOGGED_OUT = "logged_out"


@frozen(kw_only=True)
class AccountSignal:
    app_id: AppId
    wxid: Wxid | None
    signal: Signal
    detail: str
    dedupe_key: str

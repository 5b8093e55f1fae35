"""How a WeChat account is logged in at GeWe: a QR code that its owner scans, and how far they have got."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import frozen

from daemon.domain.message import AppId, Wxid


@frozen(kw_only=True)
class LoginCode:
    """What is to be scanned. `app_id` is the device, which is kept and given again at every later login."""

    app_id: AppId
    uuid: str  # names this login; checking wants it
    content: str  # what the QR code says: http://weixin.qq.com/x/<uuid>; empty for a push to the phone
    image: str = ""  # data URI of the picture, where GeWe gives one


class LoginMethod(StrEnum):
    QR = "qr"
    PUSH = "push"  # a tap on the phone; not possible after a logout there, or in the first days


@frozen(kw_only=True)
class PendingLogin:
    """A login that waits for somebody."""

    method: LoginMethod
    uuid: str
    began_by: str  # the actor's id
    began_at: datetime
    expires_at: datetime


class LoginStep(StrEnum):
    WAITING = "waiting"  # nobody has scanned it
    SCANNED = "scanned"  # to be confirmed on the phone
    DONE = "done"
    CANCELLED = "cancelled"  # on the phone
    EXPIRED = "expired"
    CODE_NEEDED = "code_needed"  # WeChat wants the security code that it shows


@frozen(kw_only=True)
class LoginCheck:
    step: LoginStep
    nickname: str = ""
    wxid: Wxid | None = None  # once it is done
    expires_in: timedelta | None = None
    verify_url: str = ""  # another QR code, for a device that WeChat does not know


@frozen(kw_only=True)
class Profile:
    """Who the logged-in account is."""

    wxid: Wxid
    nickname: str
    alias: str
    mobile: str
    region: str
    avatar_url: str

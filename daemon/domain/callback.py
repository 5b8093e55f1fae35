"""All that a callback of the gateway may say."""

from attrs import frozen

from daemon.domain.account import AccountSignal
from daemon.domain.contact import ContactChange
from daemon.domain.message import AppId, Message
from daemon.secret import Secret


@frozen(kw_only=True)
class ControlPacket:
    """The gateway tries the address out, or says that it has set it. Answered 200 at once, never kept."""

    token: Secret | None  # equals the account's: a weak proof that it is the gateway


@frozen(kw_only=True)
class Unrecognised:
    """JSON that may be the gateway's but says nothing we know: kept, answered 200, and left alone."""

    app_id: AppId | None
    what: str
    dedupe_key: str
    raw: bytes  # without tokens


Callback = ControlPacket | Message | AccountSignal | ContactChange | Unrecognised

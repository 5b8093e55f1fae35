"""Messages to WeChat through GeWe."""

from attrs import define

from daemon.domain.account import Account
from daemon.domain.message import Wxid
from daemon.domain.send import Accepted, Outgoing
from daemon.errors import Conflict
from daemon.net.gewe.answers import sent_id, sent_number, sent_time
from daemon.net.gewe.calls import Calls
from daemon.net.gewe.parcels import form_of
from daemon.net.gewe.sayings import REVOKE, SEND


@define
class GeweMessenger:
    """See `engine.ports.Messenger`."""

    calls: Calls

    async def send(self, account: Account, outgoing: Outgoing) -> Accepted:
        form = form_of(outgoing.parcel, outgoing.to)
        fields = {"toWxid": outgoing.to, **form.fields}
        data = await self.calls.act(account, form.path, fields, timeouts=form.timeouts, sayings=SEND)
        return Accepted(
            wechat_id=sent_id(data, "newMsgId"), message_number=sent_number(data), wechat_time=sent_time(data)
        )

    async def revoke(self, account: Account, to: Wxid, sent: Accepted) -> None:
        """Raises Conflict where GeWe did not say all that revoking takes. The two minutes are the caller's to hold."""
        if not (sent.wechat_id and sent.message_number and sent.wechat_time):
            raise Conflict("gewe.cannot_revoke", missing=", ".join(_missing(sent)))
        ids = {
            "msgId": sent.message_number,
            "newMsgId": sent.wechat_id,
            "createTime": str(sent.wechat_time),
        }
        await self.calls.act(account, "/message/revokeMsg", {"toWxid": to, **ids}, sayings=REVOKE)


def _missing(sent: Accepted) -> list[str]:
    told = {"newMsgId": sent.wechat_id, "msgId": sent.message_number, "createTime": sent.wechat_time}
    return [name for name, value in told.items() if not value]

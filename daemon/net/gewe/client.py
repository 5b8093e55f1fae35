"""GeWe as it is called: every call is a POST of one JSON object, told apart by its path."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from attrs import define

from daemon.domain.account import Account, Product
from daemon.domain.message import Wxid
from daemon.domain.outgoing import Text
from daemon.domain.send import Accepted, Outgoing
from daemon.errors import AccountOffline, NotSupported, RemoteNonsense
from daemon.net.gewe.answers import SERVICE, Answer, sent_id, sent_time
from daemon.net.outbound import Outbound, Timeouts, retry_after
from daemon.secret import Redactor

PREFIXES = {Product.HOSTED: "/gewe/v2/api", Product.SELF_HOSTED: "/v2/api"}
ANY_PREFIX = "/v2/api"  # how each of them ends, those of relabelled products too

SENDING = Timeouts(total=timedelta(seconds=30))  # clients in use wait 15 to 60 s for a text
ASKING = Timeouts(total=timedelta(seconds=10))


@define
class GeweClient:
    outbound: Outbound

    async def send(self, account: Account, outgoing: Outgoing) -> Accepted:
        """See `engine.ports.Messenger`."""
        match outgoing.parcel:
            case Text(text=text, mentions=mentions):
                return await self._send_text(account, outgoing.to, text, mentions)
            case other:
                raise NotSupported("gewe.cannot_send", kind=other.kind)

    async def _send_text(self, account: Account, to: Wxid, text: str, mentions: tuple[Wxid, ...]) -> Accepted:
        ats = {"ats": ",".join(mentions)} if mentions else {}
        data = await self._call(
            account,
            "/message/postText",
            {"toWxid": to, "content": text, **ats},
            timeouts=SENDING,
            repeatable=False,
        )
        return Accepted(
            wechat_id=sent_id(data, "newMsgId"), message_number=sent_id(data, "msgId"), wechat_time=sent_time(data)
        )

    async def check_online(self, account: Account) -> bool:
        """What GeWe believes: it has been seen to say yes while every send fails as offline."""
        try:
            online = await self._call(account, "/login/checkOnline", {}, timeouts=ASKING, repeatable=True)
        except AccountOffline:
            return False
        if not isinstance(online, bool):
            raise RemoteNonsense("gewe.nonsense", service=SERVICE, detail=type(online).__name__)
        return online

    async def _call(
        self, account: Account, path: str, fields: Mapping[str, Any], *, timeouts: Timeouts, repeatable: bool
    ) -> Any:
        reply = await self.outbound.request(
            SERVICE,
            "POST",
            base_url(account) + path,
            json={"appId": account.app_id, **fields},
            headers={"X-GEWE-TOKEN": account.token.reveal()},
            timeouts=timeouts,
            repeatable=repeatable,
        )
        own = Redactor()
        own.add(account.token)  # GeWe echoes it, also one that was only just entered
        return Answer(
            status=reply.status,
            body=reply.body,
            retry_after=retry_after(reply.headers),
            repeatable=repeatable,
            detail=lambda words: self.outbound.detail(own.clean(words)),
        ).data()


def base_url(account: Account) -> str:
    """The address with its product's prefix, which an operator may have written or not."""
    base = account.base_url.strip().rstrip("/")
    return base if base.endswith(ANY_PREFIX) else base + PREFIXES[account.product]

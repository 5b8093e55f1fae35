"""The address book, and making and ending friendships."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from attrs import define

from daemon.domain.account import Account
from daemon.domain.message import Wxid
from daemon.domain.people import Contact, ContactIds, Relation, Stranger
from daemon.errors import Invalid, Problem, RemoteUnavailable
from daemon.net.gewe.calls import Calls
from daemon.net.gewe.envelope import Fields, number, text
from daemon.net.gewe.reading import fields_of, first_of, ids_of, items_of
from daemon.net.gewe.sayings import SEARCH, SERVICE
from daemon.net.outbound import Timeouts

MOST_WXIDS = 20  # of one getBriefInfo or getDetailInfo
ADD, ACCEPT = 2, 3  # `option` of addContacts
LISTING = Timeouts(total=timedelta(seconds=60))
TOO_SLOW = frozenset({"remote.timeout", "remote.gateway"})  # of the call itself, or of a proxy before GeWe

RELATIONS = {
    0: Relation.NORMAL,
    1: Relation.DELETED_US,
    2: Relation.BLOCKED_US,
    3: Relation.BLOCKED_BY_US,
    5: Relation.LIMITED,
}


@define
class GeweContacts:
    """See `engine.ports.Contacts`. `listing`: how long the whole list may take."""

    calls: Calls
    listing: Timeouts = LISTING

    async def ids(self, account: Account) -> ContactIds:
        """Raises RemoteUnavailable, `gewe.contacts_slow`, where it takes too long: the cache has it later."""
        try:
            data = await self.calls.ask(account, "/contacts/fetchContactsList", timeouts=self.listing)
        except RemoteUnavailable as error:
            if error.code in TOO_SLOW:
                raise RemoteUnavailable("gewe.contacts_slow", service=SERVICE, detail=error.detail) from error
            raise
        return _ids(fields_of(data))

    async def cached_ids(self, account: Account) -> ContactIds | None:
        data = await self.calls.ask(account, "/contacts/fetchContactsListCache")
        return _ids(fields_of(data)) if data else None

    async def brief(self, account: Account, wxids: Sequence[Wxid]) -> list[Contact]:
        return await self._described(account, "/contacts/getBriefInfo", wxids)

    async def detail(self, account: Account, wxids: Sequence[Wxid]) -> list[Contact]:
        return await self._described(account, "/contacts/getDetailInfo", wxids)

    async def _described(self, account: Account, path: str, wxids: Sequence[Wxid]) -> list[Contact]:
        """In GeWe's order; whom it does not know is left out."""
        if not wxids:
            return []
        if len(wxids) > MOST_WXIDS:
            raise Invalid(
                "gewe.too_many_contacts", [Problem("wxids", f"at most {MOST_WXIDS} at once")], most=MOST_WXIDS
            )
        data = await self.calls.ask(account, path, {"wxids": list(wxids)})
        return [_contact(item) for item in items_of(data) if text(item.get("userName"))]

    async def search(self, account: Account, text: str) -> Stranger:
        """By WeChat number or phone number. Raises RemoteRefused, `gewe.no_such_user`, where there is nobody."""
        data = await self.calls.ask(account, "/contacts/search", {"contactsInfo": text}, sayings=SEARCH)
        return _stranger(fields_of(data))

    async def add(self, account: Account, *, user_ticket: str, ticket: str, scene: int, greeting: str) -> None:
        await self._befriend(account, ADD, user_ticket, ticket, scene, greeting)

    async def accept(self, account: Account, *, user_ticket: str, ticket: str, scene: int) -> None:
        """`scene` as the request's callback says it."""
        await self._befriend(account, ACCEPT, user_ticket, ticket, scene, "")

    async def _befriend(
        self, account: Account, option: int, user_ticket: str, ticket: str, scene: int, words: str
    ) -> None:
        fields = {"scene": scene, "option": option, "v3": user_ticket, "v4": ticket, "content": words}
        await self.calls.act(account, "/contacts/addContacts", fields)

    async def remark(self, account: Account, wxid: Wxid, remark: str) -> None:
        await self.calls.act(account, "/contacts/setFriendRemark", {"wxid": wxid, "remark": remark})

    async def delete(self, account: Account, wxid: Wxid) -> None:
        await self.calls.act(account, "/contacts/deleteFriend", {"wxid": wxid})

    async def relations(self, account: Account, wxids: Sequence[Wxid]) -> dict[Wxid, Relation]:
        """Only those that GeWe says something of."""
        data = await self.calls.ask(account, "/contacts/checkRelation", {"wxids": list(wxids)})
        return {
            Wxid(text(item["wxid"])): _relation(item.get("relation"))
            for item in items_of(data)
            if text(item.get("wxid"))
        }


def _ids(data: Fields) -> ContactIds:
    return ContactIds(
        friends=ids_of(data.get("friends")), rooms=ids_of(data.get("chatrooms")), officials=ids_of(data.get("ghs"))
    )


def _contact(item: Fields) -> Contact:
    return Contact(
        wxid=Wxid(text(item["userName"])),
        nickname=text(item.get("nickName")),
        remark=text(item.get("remark")),
        alias=text(item.get("alias")),
        sex=number(item.get("sex")) or 0,
        country=text(item.get("country")),
        province=text(item.get("province")),
        city=text(item.get("city")),
        signature=text(item.get("signature")),
        avatar_url=first_of(item, "bigHeadImgUrl", "smallHeadImgUrl"),
        labels=tuple(filter(None, (label.strip() for label in text(item.get("labelList")).split(",")))),
    )


def _stranger(data: Fields) -> Stranger:
    return Stranger(
        user_ticket=text(data.get("v3")),
        ticket=text(data.get("v4")),
        nickname=text(data.get("nickName")),
        sex=number(data.get("sex")) or 0,
        signature=text(data.get("signature")),
        avatar_url=first_of(data, "bigHeadImgUrl", "smallHeadImgUrl"),
    )


def _relation(told: Any) -> Relation:
    known = number(told)
    return Relation.UNKNOWN if known is None else RELATIONS.get(known, Relation.UNKNOWN)

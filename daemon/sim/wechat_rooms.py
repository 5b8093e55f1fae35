"""What happens in the groups of a simulated WeChat: people come, go, rename it, and take the account in or out."""

from attrs import define

from daemon.sim import wechat_xml as xml
from daemon.sim.gewe_accounts import Device
from daemon.sim.gewe_callbacks import Delivery
from daemon.sim.wechat_contacts import lost, room_changed
from daemon.sim.wechat_session import Session

INVITE_URL = "https://support.weixin.qq.com/cgi-bin/mmsupport-bin/addchatroombyinvite?ticket="


@define(eq=False, kw_only=True)
class Rooming(Session):
    """Each helper pushes what a telephone would be told; the last push is given back."""

    async def person_joins(self, app_id: str, room: str, wxid: str, *, name: str = "", inviter: str = "") -> Delivery:
        """By the inviter's doing (else the owner's): a notice, then the changed group."""
        device = self.accounts.get(app_id)
        group = self.people.room(room, device.wxid)
        by = inviter or group.owner
        group.members[wxid], group.inviters[wxid] = None, by
        slots = {"username": {by: self.people.name(by)}, "names": {wxid: self.people.name(wxid, name)}}
        notice = xml.notice('"$username$"邀请"$names$"加入了群聊', slots)
        await self._push(device, self._noticed(device, notice, sender=room, kind=10002))
        return await self._changed(device, room)

    async def person_leaves(self, app_id: str, room: str, wxid: str) -> Delivery:
        """Without a word, as in WeChat: only the group has changed."""
        device = self.accounts.get(app_id)
        self.people.room(room, device.wxid).leave(wxid)
        return await self._changed(device, room)

    async def group_is_renamed(self, app_id: str, room: str, name: str, *, by: str = "") -> Delivery:
        device = self.accounts.get(app_id)
        group = self.people.room(room, device.wxid, name=name)
        who = self.people.name(by or group.owner)
        await self._push(device, self._noticed(device, f'"{who}"修改群名为“{name}”', sender=room))
        return await self._changed(device, room)

    async def person_invites_account(self, app_id: str, wxid: str, room: str, *, room_name: str = "") -> Delivery:
        """A card in the private chat; agreeJoinRoom with its url joins."""
        device = self.accounts.get(app_id)
        group = self.people.room(room, wxid, name=room_name)
        url = f"{INVITE_URL}{self.random.getrandbits(64):016x}"
        circle = self.circles.of(app_id)
        circle.invitations[url] = room
        circle.left.add(room)  # it is not in there yet
        content = xml.invitation(self.people.name(wxid), group.name, url)
        return await self._push(device, self._said(device, wxid, content, kind=49))

    async def account_is_removed(self, app_id: str, room: str, *, by: str = "") -> Delivery:
        """From the group: a sentence, then the contact is lost."""
        device = self.accounts.get(app_id)
        group = self.people.room(room)
        group.leave(device.wxid)
        self.circles.of(app_id).left.add(room)
        who = self.people.name(by or group.owner or "wxid_owner")
        await self._push(device, self._noticed(device, f'你被"{who}"移出群聊', sender=room))
        return await self._push(device, lost(app_id, device.wxid, room))

    async def _changed(self, device: Device, room: str) -> Delivery:
        return await self._push(device, room_changed(device.app_id, device.wxid, self.people.room(room)))

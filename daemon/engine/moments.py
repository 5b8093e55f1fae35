"""Moments: reading what friends posted, posting, liking, commenting; all within the account's budgets."""

from functools import partial

from attrs import define

from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.act import ActKind
from daemon.domain.message import Wxid
from daemon.domain.moments import NewPost, Post, Published, Timeline
from daemon.engine.acts import Acts
from daemon.engine.ports import Moments as MomentsPort


@define
class Moments:
    acts: Acts
    port: MomentsPort

    async def page(self, account: Account, *, wxid: Wxid | None, next_id: str, first_page: str, by: Actor) -> Timeline:
        """About ten posts of all friends, or of one."""
        if wxid is None:
            call = partial(self.port.timeline, account, next_id=next_id, first_page=first_page)
        else:
            call = partial(self.port.of_contact, account, wxid, next_id=next_id, first_page=first_page)
        return await self.acts.do(account, ActKind.MOMENTS_READ, wxid or "", by=by, call=call)

    async def post(self, account: Account, post_id: str, *, by: Actor) -> Post:
        call = partial(self.port.post, account, post_id)
        return await self.acts.do(account, ActKind.MOMENTS_READ, post_id, by=by, call=call)

    async def publish(self, account: Account, new: NewPost, *, by: Actor) -> Published:
        call = partial(self.port.publish, account, new)
        return await self.acts.do(account, ActKind.MOMENTS_POST, "", by=by, call=call)

    async def delete(self, account: Account, post_id: str, *, by: Actor) -> None:
        call = partial(self.port.delete, account, post_id)
        await self.acts.do(account, ActKind.MOMENTS_DELETE, post_id, by=by, call=call)

    async def like(self, account: Account, post_id: str, author: Wxid | None, *, on: bool, by: Actor) -> None:
        """WeChat wants the post's author too: where the caller does not know, the post is read first."""
        author = author or (await self.post(account, post_id, by=by)).author
        call = partial(self.port.like, account, post_id, author, on=on)
        await self.acts.do(account, ActKind.MOMENTS_LIKE, post_id, by=by, call=call)

    async def comment(
        self, account: Account, post_id: str, author: Wxid | None, *, text: str, reply_to: str | None, by: Actor
    ) -> None:
        author = author or (await self.post(account, post_id, by=by)).author
        call = partial(self.port.comment, account, post_id, author, text=text, reply_to=reply_to)
        await self.acts.do(account, ActKind.MOMENTS_COMMENT, post_id, by=by, call=call)

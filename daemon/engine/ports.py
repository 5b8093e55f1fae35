"""What the engine needs of the outside world. `daemon.net` provides it.

Every call raises RemoteRefused and RemoteUnauthorized, RemoteLimited and RemoteUnavailable where surely nothing was
done, AccountOffline where the account is, RemoteNonsense for an answer that makes no sense, NotSupported at once where
the account's product lacks the call, and, for
a call that changes something, OutcomeUnknown where it may have been done.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from daemon.domain.account import Account
from daemon.domain.chat import Chat, ChatRecord
from daemon.domain.checkup import Finding
from daemon.domain.content import Content
from daemon.domain.dialogue import Dialogue, Line
from daemon.domain.login import LoginCheck, LoginCode, Profile
from daemon.domain.message import Wxid
from daemon.domain.moments import NewPost, Post, Published, Timeline
from daemon.domain.people import Contact, ContactIds, Relation, Room, RoomNotice, Stranger
from daemon.domain.send import Accepted, Outgoing
from daemon.domain.webhook import Webhook
from daemon.domain.webhook_call import WebhookAnswer, WebhookRequest, WebhookRun
from daemon.domain.workflow import Answer, NodeBegun, Question, Workflow


class Assistant(Protocol):
    """One AI provider."""

    async def run(
        self,
        workflow: Workflow,
        question: Question,
        *,
        on_text: Callable[[str], None] | None = None,
        on_node: Callable[[NodeBegun], None] | None = None,
    ) -> Answer:
        """The workflow's answer, within `workflow.timeout`.

        `on_text` hears its text as it is made, `on_node` its steps as they begin, both where the service tells.

        Raises RemoteUnauthorized, RemoteRefused (it will say so again), RemoteLimited, RemoteUnavailable (it did
        nothing, or may be asked again), RemoteNonsense, and OutcomeUnknown where the run may have happened.
        """

    async def recover(self, workflow: Workflow, question: Question) -> Answer | None:
        """The answer of an earlier `run` of the same question whose connection was lost; None if there is none."""


class ServiceDesk(Protocol):
    """What an AI provider keeps of its chats, and whether a workflow of it is set up rightly."""

    async def check(self, workflow: Workflow, *, run: bool, name: str) -> tuple[Finding, ...]:
        """One finding a step, in order; raises nothing for what is wrong there. Costs points only with `run`."""

    async def chats(self, workflow: Workflow, *, offset: int, limit: int) -> tuple[list[Chat], int]:
        """A page, latest first, and how many there are."""

    async def records(self, workflow: Workflow, chat: str, *, offset: int, limit: int) -> tuple[list[ChatRecord], int]:
        """A page counted from the newest back, told oldest first."""

    async def forget(self, workflow: Workflow, chat: str) -> None: ...

    async def rate(self, workflow: Workflow, chat: str, record: str, *, good: str | None, bad: str | None) -> None:
        """What a person thought of one answer; neither clears it."""


class WebhookCaller(Protocol):
    """Webhooks of n8n."""

    async def call(
        self,
        webhook: Webhook,
        request: WebhookRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        on_node: Callable[[NodeBegun], None] | None = None,
    ) -> WebhookAnswer:
        """One attempt, within `webhook.timeout`; whether another may follow is the caller's to decide.

        Raises N8nWebhookError alone, which says by `may_have_run` whether another could run the workflow twice.
        """

    async def look_up(self, webhook: Webhook, request: WebhookRequest, *, since: datetime) -> WebhookRun | None:
        """What became of an earlier call, by n8n's public API; None where it has no such run, or no API is named.

        `since`: when the call was first made. Raises N8nWebhookError.
        """


class DialogueStore(Protocol):
    """Where the chat API's conversations are kept besides our own store. Repeating any call does no harm."""

    async def find(self, dialogue_id: str) -> Dialogue | None: ...

    async def open(self, dialogue: Dialogue) -> Dialogue:
        """As it stands there: where it was there before, that stays as it is."""

    async def append(self, lines: Sequence[Line]) -> None:
        """Of one dialogue. Those that are there already stay as they are; NotFound where the dialogue is not there."""

    async def page(self, dialogue_id: str, *, before: str | None, limit: int) -> list[Line]:
        """The latest before that line, oldest first."""

    async def forget(self, dialogue_id: str) -> None:
        """With all its lines. It need not be there."""


class Messenger(Protocol):
    """Messages to WeChat."""

    async def send(self, account: Account, outgoing: Outgoing) -> Accepted:
        """Accepted by the gateway, which says nothing of delivery."""

    async def revoke(self, account: Account, to: Wxid, sent: Accepted) -> None:
        """Within two minutes. Wants all three ids of `sent`, and a `wechat_time` that is not 0."""


class Devices(Protocol):
    """Logging in, and what GeWe believes of the login."""

    async def login_code(self, account: Account, *, region: str | None, proxy: str | None) -> LoginCode:
        """A QR code for the account's own device; for a new one where it has none yet."""

    async def push_login(self, account: Account, *, region: str | None, proxy: str | None) -> LoginCode:
        """Asks on the phone instead; not possible after a logout on the phone or in the first days."""

    async def check_login(self, account: Account, uuid: str, *, code: str | None) -> LoginCheck: ...

    async def check_online(self, account: Account) -> bool:
        """What GeWe believes: it has been seen to say yes while every send fails as offline."""

    async def reconnect(self, account: Account) -> None: ...

    async def logout(self, account: Account) -> None: ...

    async def set_callback(self, account: Account, url: str) -> None:
        """One URL a token. GeWe probes it before it answers."""

    async def profile(self, account: Account) -> Profile: ...


class Contacts(Protocol):
    async def ids(self, account: Account) -> ContactIds:
        """Slow; raises RemoteUnavailable where GeWe takes too long: then `cached_ids` has it some seconds later."""

    async def cached_ids(self, account: Account) -> ContactIds | None:
        """None while GeWe's own cache, which lives ten minutes, is empty. Hosted only."""

    async def brief(self, account: Account, wxids: Sequence[Wxid]) -> list[Contact]:
        """At most 20 at once."""

    async def detail(self, account: Account, wxids: Sequence[Wxid]) -> list[Contact]:
        """At most 20 at once."""

    async def search(self, account: Account, text: str) -> Stranger: ...

    async def add(self, account: Account, *, user_ticket: str, ticket: str, scene: int, greeting: str) -> None: ...

    async def accept(self, account: Account, *, user_ticket: str, ticket: str, scene: int) -> None: ...

    async def remark(self, account: Account, wxid: Wxid, remark: str) -> None: ...

    async def delete(self, account: Account, wxid: Wxid) -> None: ...

    async def relations(self, account: Account, wxids: Sequence[Wxid]) -> dict[Wxid, Relation]:
        """Hosted only."""


class Rooms(Protocol):
    async def info(self, account: Account, room: Wxid) -> Room: ...

    async def members(self, account: Account, room: Wxid) -> Room:
        """With who is admin."""

    async def create(self, account: Account, wxids: Sequence[Wxid]) -> Wxid:
        """Of two people or more beside ourselves."""

    async def invite(self, account: Account, room: Wxid, wxids: Sequence[Wxid], reason: str) -> None: ...

    async def remove(self, account: Account, room: Wxid, wxids: Sequence[Wxid]) -> None: ...

    async def notice(self, account: Account, room: Wxid) -> RoomNotice: ...

    async def announce(self, account: Account, room: Wxid, text: str) -> None: ...

    async def rename(self, account: Account, room: Wxid, name: str) -> None: ...

    async def leave(self, account: Account, room: Wxid) -> None: ...


class Moments(Protocol):
    """Hosted only."""

    async def timeline(self, account: Account, *, next_id: str, first_page: str) -> Timeline: ...

    async def of_contact(self, account: Account, wxid: Wxid, *, next_id: str, first_page: str) -> Timeline: ...

    async def post(self, account: Account, post_id: str) -> Post: ...

    async def publish(self, account: Account, new: NewPost) -> Published: ...

    async def delete(self, account: Account, post_id: str) -> None: ...

    async def like(self, account: Account, post_id: str, author: Wxid, *, on: bool) -> None: ...

    async def comment(
        self, account: Account, post_id: str, author: Wxid, *, text: str, reply_to: str | None
    ) -> None: ...


class MediaSource(Protocol):
    async def locate(self, account: Account, content: Content) -> str:
        """An absolute URL of a received image, voice, video or file. RemoteRefused where it is gone for good."""

    def fetch(
        self, account: Account, url: str, *, most_bytes: int
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Its bytes, in pieces; RemoteRefused past `most_bytes`, and where the address is none that may be called."""

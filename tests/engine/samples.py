"""Accounts, conversations and messages as the tests of the engine need them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.domain.account import Account, AccountState, Product, ReplyPolicy
from daemon.domain.content import Text
from daemon.domain.conversation import Conversation
from daemon.domain.message import AccountId, AppId, ConversationId, Message, Origin, Wxid
from daemon.domain.workflow import Memory, Provider
from daemon.engine.workflows import WorkflowDraft
from daemon.secret import Secret

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROOM = Wxid("10000000001@chatroom")
ANN = Wxid("wxid_friend00000001")
BOT = Wxid("wxid_bot000000000001")
DRAFT = WorkflowDraft(
    name="Sales",
    provider=Provider.FASTGPT,
    base_url="http://127.0.0.1:9",
    key=Secret("fastgpt-0123456789"),
    app_id=None,
    endpoint="v1",
    stream=True,
    memory=Memory.DAEMON,
    system_prompt=None,
    variables={},
    timeout=timedelta(seconds=180),
    fallback_id=None,
)


def account(**changes: Any) -> Account:
    fields: dict[str, Any] = {
        "id": AccountId("account"),
        "app_id": AppId("wx_demoAppId000000000001"),
        "wxid": BOT,
        "name": "Sales",
        "product": Product.HOSTED,
        "base_url": "http://127.0.0.1:9",
        "token": Secret("0123456789abcdef0123456789abcdef"),
        "state": AccountState.ONLINE,
        "state_reason": None,
        "workflow_id": "workflow",
        "policy": ReplyPolicy(),
        "created_at": NOW,
        "updated_at": NOW,
        "version": 1,
    }
    return Account(**(fields | changes))


def conversation(**changes: Any) -> Conversation:
    fields: dict[str, Any] = {
        "id": ConversationId("conversation"),
        "account_id": AccountId("account"),
        "peer": ANN,
        "name": None,
        "muted": False,
        "held_until": None,
        "held_by": None,
        "created_at": NOW - timedelta(days=1),
        "last_message_at": NOW,
        "version": 1,
    }
    return Conversation(**(fields | changes))


def message(text: str = "你好", **changes: Any) -> Message:
    fields: dict[str, Any] = {
        "app_id": AppId("wx_demoAppId000000000001"),
        "dedupe_key": f"m:{text}:{changes.get('sender', ANN)}",
        "wechat_id": "7773749793478223190",
        "peer": ANN,
        "sender": ANN,
        "origin": Origin.PEER,
        "content": Text(),
        "text": text,
        "sent_at": NOW,
    }
    return Message(**(fields | changes))


def in_room(text: str = "大家好", **changes: Any) -> Message:
    return message(text, **({"peer": ROOM} | changes))

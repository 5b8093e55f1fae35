"""A message to ourselves: it goes the way of all others, and so shows whether an account is truly online."""

from datetime import timedelta

from daemon.domain.account import Account
from daemon.domain.message import Wxid
from daemon.domain.outgoing import Text
from daemon.domain.send import NewSend, SendOrigin
from daemon.engine.outbox import enqueue
from daemon.store import conversations
from daemon.store.tx import Tx

SELF = Wxid("filehelper")  # WeChat's own note to oneself: nobody else reads it
WORDS = "qiaod: 在线检测 / checking that this account is online"
LIVES = timedelta(minutes=10)


def send_canary(tx: Tx, account: Account) -> str:
    """The id of the send. What becomes of it moves the account, as for every other send."""
    conversation = conversations.touch(tx, account.id, SELF)
    new = NewSend(
        account_id=account.id,
        conversation_id=conversation.id,
        to=SELF,
        parcel=Text(text=WORDS),
        origin=SendOrigin.CANARY,
        batch=tx.new_id(),
        expires_at=tx.now + LIVES,
        by="system",
    )
    return enqueue(tx, new)

"""A message is kept once, with what it sets off, in one transaction."""

from datetime import timedelta

import pytest

from daemon.clock import to_ms
from daemon.domain.account import ReplyPolicy
from daemon.domain.content import Revoke
from daemon.domain.conversation import Kept
from daemon.domain.message import Origin
from daemon.engine.intake import Receipt, keep
from daemon.store import conversations
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.engine.samples import ANN, account, message
from tests.memory import open_tx


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tx(clock: FakeClock) -> Tx:
    opened = open_tx(clock)
    opened.run("PRAGMA foreign_keys = OFF")  # the account is said to be there
    return opened


def later(tx: Tx, clock: FakeClock, seconds: float) -> Tx:
    clock.advance(seconds)
    return Tx(tx.connection, tx.ids, clock.now(), tx.epoch)


def take(tx: Tx, text: str, *, policy: ReplyPolicy | None = None, **changes: object) -> Receipt:
    fields = {"sent_at": tx.now, "dedupe_key": text} | changes
    held = account() if policy is None else account(policy=policy)
    return keep(tx, held, message(text, **fields), flooded=False, request_id="request-1")


def test_a_message_is_kept_and_a_turn_is_due_when_its_window_closes(tx: Tx) -> None:
    assert take(tx, "在吗") == Receipt(new=True)
    job = tx.one("SELECT lane, due_ms, request_id FROM jobs")
    assert job is not None
    assert (job["lane"], job["due_ms"], job["request_id"]) == ("turn", to_ms(tx.now) + 1500, "request-1")


def test_a_second_delivery_sets_off_nothing_and_is_counted(tx: Tx) -> None:
    take(tx, "在吗")
    assert take(tx, "在吗") == Receipt(new=False)
    assert tx.value("SELECT count(*) FROM messages") == 1
    assert tx.value("SELECT count(*) FROM jobs") == 1
    assert tx.value("SELECT deliveries FROM dedupe") == 2


def test_half_sentences_prolong_the_window_but_not_past_its_most(tx: Tx, clock: FakeClock) -> None:
    began = to_ms(tx.now)
    dues = []
    for number in range(8):
        take(tx, f"part {number}")
        dues.append(tx.value("SELECT due_ms FROM jobs") - began)
        tx = later(tx, clock, 1.2)
    assert dues[:3] == [1500, 2700, 3900]
    assert dues[-1] == 8000
    assert tx.value("SELECT count(*) FROM jobs") == 1


def test_a_message_of_our_own_from_the_phone_takes_the_conversation_over(tx: Tx) -> None:
    receipt = take(tx, "我来回答", origin=Origin.SELF)
    held = conversations.page(tx, account_id=None, held=True, before=None, limit=10)
    assert receipt.kept is Kept.SELF
    assert [(c.peer, c.held_by, c.held_until) for c in held] == [(ANN, "phone", tx.now + timedelta(minutes=30))]
    assert tx.value("SELECT count(*) FROM jobs") == 0


def test_an_old_message_of_our_own_takes_nothing_over(tx: Tx) -> None:
    take(tx, "昨天", origin=Origin.SELF, sent_at=tx.now - timedelta(hours=20))
    assert conversations.page(tx, account_id=None, held=True, before=None, limit=10) == []


def test_history_pushed_after_a_login_is_kept_and_not_answered(tx: Tx) -> None:
    assert take(tx, "旧消息", sent_at=tx.now - timedelta(minutes=6)).kept is Kept.HISTORICAL
    assert tx.value("SELECT standing || '/' || reason FROM messages") == "kept/historical"
    assert tx.value("SELECT count(*) FROM jobs") == 0


def test_while_a_person_answers_messages_are_kept(tx: Tx) -> None:
    take(tx, "我来", origin=Origin.SELF)
    assert take(tx, "好的谢谢").kept is Kept.HELD


def test_a_message_that_is_taken_back_in_time_is_not_answered(tx: Tx) -> None:
    take(tx, "发错了", wechat_id="42")
    revoke = Revoke(revoked_id="42", revoked_number="7")
    take(tx, "撤回", origin=Origin.SYSTEM, content=revoke, wechat_id="43")
    assert tx.value("SELECT reason FROM messages WHERE wechat_id = '42'") == "revoked"


def test_above_the_limit_of_triggers_a_message_is_only_kept(tx: Tx) -> None:
    receipt = keep(tx, account(), message("洪水", sent_at=tx.now), flooded=True, request_id=None)
    assert receipt.kept is Kept.FLOODED
    assert tx.value("SELECT count(*) FROM jobs") == 0

"""A campaign hands out one recipient at a time, to nobody twice, and gives way, pauses and ends as it should."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import define, field

from daemon.domain.access import SYSTEM
from daemon.domain.account import Account, AccountState
from daemon.domain.campaign import (
    Campaign,
    CampaignState,
    NewCampaign,
    NewRecipient,
    QuietHours,
    RecipientState,
    Spread,
)
from daemon.domain.do_not_contact import Reason
from daemon.domain.message import Wxid
from daemon.domain.outgoing import Text
from daemon.domain.send import Accepted, NewSend, SendOrigin, SendState
from daemon.engine.campaign_steps import LOOK_AGAIN, MOST_FAILURES, Mailing, step
from daemon.engine.campaigns import _MOVES, _add, _plan
from daemon.engine.do_not_contact import leave_alone
from daemon.engine.outbox import enqueue
from daemon.store import campaigns, conversations, recipients, sends
from daemon.store.database import Database, open_database
from daemon.store.retention import ROWS, Cursor, Keep, prune_once
from daemon.store.tx import Tx
from tests.clock import FakeClock
from tests.engine.samples import ANN, account
from tests.memory import open_tx

MORNING = datetime(2026, 1, 2, 1, tzinfo=UTC)  # 9 o'clock in Shanghai
MAILING = Mailing(most_bytes=2000, lives=timedelta(hours=2))
ACCEPTED = Accepted(wechat_id="1", message_number="1", wechat_time=1)
GAP = timedelta(seconds=10)


def to(number: int) -> Wxid:
    return Wxid(f"wxid_{number}")


def new(**changes: Any) -> NewCampaign:
    fields: dict[str, Any] = {
        "account_id": account().id,
        "name": "Spring",
        "parcel": Text(text="你好 {{ name }}"),
        "spread": Spread(
            quiet=QuietHours(begin=time(22), end=time(8), zone="Asia/Shanghai"),
            per_hour=100,
            gap_low=GAP,
            gap_high=GAP,
        ),
        "starts_at": MORNING,
        "expires_at": None,
    }
    return NewCampaign(**(fields | changes))


def given(number: int) -> list[NewRecipient]:
    return [NewRecipient(peer=to(one), variables={"name": f"No. {one}"}) for one in range(number)]


def begin(tx: Tx, wanted: NewCampaign, people: Sequence[NewRecipient]) -> str:
    return _add(tx, wanted, _plan(tx, wanted, people), by=SYSTEM).id


@define
class Stage:
    """A campaign on a schema in memory; the outbox is the test's hand."""

    clock: FakeClock = field(factory=lambda: FakeClock(wall=MORNING))
    tx: Tx = field(init=False)
    campaign_id: str = field(init=False)
    account: Account | None = field(factory=account)

    def __attrs_post_init__(self) -> None:
        self.tx = open_tx(self.clock)
        self.tx.run("PRAGMA foreign_keys = OFF")  # the account is said to be there

    def begin(self, people: int = 3, **changes: Any) -> None:
        self.campaign_id = begin(self.tx, new(**changes), given(people))

    def look(self) -> timedelta | None:
        return step(self.tx, self.campaign_id, self.account, drawn=0.5, mailing=MAILING)

    def pass_by(self, span: timedelta) -> None:
        self.clock.advance(span.total_seconds())
        self.tx = Tx(self.tx.connection, self.tx.ids, self.clock.now(), self.tx.epoch)

    def post(self, state: SendState = SendState.SENT, error: str | None = None) -> list[str]:
        """What waits in the outbox ends so; the texts."""
        waiting = sends.waiting(self.tx, account().id, limit=100)
        for send in waiting:
            sends.start(self.tx, send.id)
            if state is SendState.SENT:
                sends.accept(self.tx, send.id, ACCEPTED)
            else:
                sends.end(self.tx, send.id, state, error=error)
        return [send.text for send in waiting]

    def run(self, looks: int = 1000, state: SendState = SendState.SENT) -> list[str]:
        """As time passes, until it is over or waits for a person."""
        said: list[str] = []
        for _ in range(looks):
            wait = self.look()
            said += self.post(state)
            if wait is None:
                break
            self.pass_by(wait)
        return said

    @property
    def campaign(self) -> Campaign:
        found = campaigns.get(self.tx, self.campaign_id)
        assert found is not None
        return found

    @property
    def counts(self) -> dict[RecipientState, int]:
        return recipients.counts(self.tx, self.campaign_id)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_everybody_gets_their_own_text_in_order_and_then_it_is_done(stage: Stage) -> None:
    stage.begin(3)
    assert stage.run() == ["你好 No. 0", "你好 No. 1", "你好 No. 2"]
    assert (stage.campaign.state, stage.counts) == (CampaignState.DONE, {RecipientState.SENT: 3})


def test_one_is_handed_out_and_the_next_only_when_it_has_ended_and_the_gap_is_over(stage: Stage) -> None:
    stage.begin(3)
    stage.look()
    stage.pass_by(timedelta(minutes=1))
    assert stage.look() == LOOK_AGAIN
    assert stage.counts[RecipientState.QUEUED] == 1
    stage.post()
    stage.look()
    assert stage.counts == {RecipientState.SENT: 1, RecipientState.QUEUED: 1, RecipientState.WAITING: 1}
    stage.post()
    assert stage.look() == GAP


def test_replies_never_stand_behind_it(stage: Stage) -> None:
    stage.begin(1)
    reply(stage.tx)
    assert stage.look() == LOOK_AGAIN
    assert stage.counts == {RecipientState.WAITING: 1}
    assert stage.post() == ["reply"]
    stage.look()
    assert stage.counts == {RecipientState.QUEUED: 1}


def reply(tx: Tx) -> None:
    conversation = conversations.touch(tx, account().id, ANN)
    enqueue(
        tx,
        NewSend(
            account_id=account().id,
            conversation_id=conversation.id,
            to=ANN,
            parcel=Text(text="reply"),
            origin=SendOrigin.REPLY,
            batch="reply",
            expires_at=tx.now + timedelta(minutes=10),
        ),
    )


def test_at_night_it_waits_for_the_morning(stage: Stage) -> None:
    stage.pass_by(timedelta(hours=15))
    stage.begin(1)
    assert stage.look() == timedelta(hours=8)
    assert stage.campaign.next_at == MORNING + timedelta(hours=23)
    assert stage.counts == {RecipientState.WAITING: 1}


def test_no_hour_has_more_than_it_may(stage: Stage) -> None:
    spread = new().spread
    stage.begin(12, spread=Spread(quiet=spread.quiet, per_hour=5, gap_low=GAP, gap_high=GAP))
    stage.run()
    moments = [
        recipient.handed_at for recipient in recipients.page(stage.tx, stage.campaign_id, state=None, after=0, limit=99)
    ]
    for first, sixth in zip(moments, moments[5:], strict=False):
        assert first is not None
        assert sixth is not None
        assert sixth - first >= timedelta(hours=1)


def test_who_asks_to_be_left_alone_meanwhile_is(stage: Stage) -> None:
    stage.begin(3)
    stage.look()
    for number in (0, 1):
        leave_alone(stage.tx, None, to(number), reason=Reason.STOP_WORD, note="", by=SYSTEM)
    assert stage.run() == ["你好 No. 2"]
    assert stage.counts == {RecipientState.CANCELLED: 1, RecipientState.SKIPPED: 1, RecipientState.SENT: 1}


def test_ten_failures_in_a_row_pause_it_and_raise_an_alert(stage: Stage) -> None:
    stage.begin(30)
    assert len(stage.run(state=SendState.FAILED)) == MOST_FAILURES
    assert (stage.campaign.state, stage.campaign.reason) == (CampaignState.PAUSED, "campaign.failing")
    assert open_alerts(stage.tx) == ["campaign.failing"]
    _MOVES[CampaignState.RUNNING](stage.tx, stage.campaign_id, by=SYSTEM)
    assert stage.campaign.failures == 0
    assert open_alerts(stage.tx) == []
    assert len(stage.run()) == 20


def open_alerts(tx: Tx) -> list[str]:
    return [row["code"] for row in tx.all("SELECT code FROM alerts WHERE resolved_ms IS NULL")]


def test_a_restricted_account_pauses_it_at_once(stage: Stage) -> None:
    stage.begin(3)
    stage.look()
    stage.post(SendState.FAILED, "gewe.restricted")
    stage.pass_by(GAP)
    assert stage.look() is None
    assert stage.campaign.reason == "campaign.restricted"


@pytest.mark.parametrize("state", [AccountState.OFFLINE, AccountState.SUSPENDED, AccountState.LOGGED_OUT, None])
def test_an_account_that_is_away_pauses_it(stage: Stage, state: AccountState | None) -> None:
    stage.begin(3)
    stage.account = None if state is None else account(state=state)
    assert stage.look() is None
    assert (stage.campaign.state, stage.campaign.reason) == (CampaignState.PAUSED, "campaign.account_away")


def test_an_unknown_one_is_not_written_to_again_and_its_settling_is_seen(stage: Stage) -> None:
    stage.begin(2)
    stage.look()
    stage.post(SendState.UNKNOWN, "remote.cut")
    stage.run()
    assert stage.counts == {RecipientState.UNKNOWN: 1, RecipientState.SENT: 1}
    send = sends.page(stage.tx, scope=None, state=SendState.UNKNOWN, before=None, limit=1)[0]
    sends.end(stage.tx, send.id, SendState.SENT)
    recipients.follow(stage.tx, send.batch)
    assert stage.counts == {RecipientState.SENT: 2}


def test_a_stop_cancels_what_has_not_begun(stage: Stage) -> None:
    stage.begin(3)
    stage.look()
    _MOVES[CampaignState.STOPPED](stage.tx, stage.campaign_id, by=SYSTEM)
    assert stage.run() == []
    assert (stage.campaign.state, stage.counts) == (CampaignState.STOPPED, {RecipientState.CANCELLED: 3})


def test_after_its_time_nobody_is_written_to(stage: Stage) -> None:
    stage.begin(5, expires_at=MORNING + 2 * GAP)
    assert len(stage.run()) == 2
    assert (stage.campaign.state, stage.counts) == (
        CampaignState.DONE,
        {RecipientState.SENT: 2, RecipientState.SKIPPED: 3},
    )


def test_one_that_begins_later_waits_until_then(stage: Stage) -> None:
    stage.begin(1, starts_at=MORNING + timedelta(hours=2))
    assert stage.campaign.state is CampaignState.SCHEDULED
    assert stage.look() == timedelta(hours=2)
    assert stage.run() == ["你好 No. 0"]


def posts(tx: Tx, random: Random) -> None:
    """An outbox that is cut off anywhere: some sends have begun, some have been accepted, some not."""
    for send in sends.waiting(tx, account().id, limit=1):
        if random.random() < 0.8 and sends.start(tx, send.id) and random.random() < 0.9:
            sends.accept(tx, send.id, ACCEPTED)


async def life(db: Database, clock: FakeClock, campaign_id: str, random: Random) -> bool:
    """A process that dies after some steps, between any two transactions. Whether the campaign was over before."""
    await db.write(sends.recover)
    for _ in range(random.randrange(12)):
        wait = await db.write(step, campaign_id, account(), drawn=random.random(), mailing=MAILING)
        if wait is None:
            return True
        if random.random() < 0.9:
            await db.write(posts, random)
        clock.advance(wait.total_seconds() + random.choice([0, 60, 3600]))
    return False


def write_account(tx: Tx) -> None:
    tx.run("PRAGMA defer_foreign_keys = ON")
    tx.run(
        """
        INSERT INTO accounts (id, app_id, name, product, base_url, token, callback_group, state, policy, created_ms,
                              updated_ms, version)
        VALUES ($1, 'wx', 'Shop', 'hosted', 'http://x', x'00', 'g', 'online', '{}', 0, 0, 1)
        """,
        account().id,
    )


@pytest.mark.parametrize("seed", range(3))
async def test_however_often_it_is_killed_nobody_is_written_to_twice(tmp_path: Path, seed: int) -> None:
    clock, random, people, campaign_id = FakeClock(wall=MORNING), Random(seed), 25, ""
    for start in range(200):
        async with open_database(tmp_path / "qiaod.db", clock) as db:
            if start == 0:
                await db.write(write_account)
                campaign_id = await db.write(begin, new(), given(people))
            if await life(db, clock, campaign_id, random):
                break
    else:
        pytest.fail("it is never over")
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        rows = await db.read(lambda tx: tx.all("SELECT peer, count(*) AS n FROM sends GROUP BY peer"))
        counts = await db.read(recipients.counts, campaign_id)
    assert start > 3
    assert {row["peer"]: row["n"] for row in rows} == {to(number): 1 for number in range(people)}
    assert sum(counts.values()) == people
    assert counts.keys() <= {RecipientState.SENT, RecipientState.UNKNOWN}


def test_long_after_its_end_nothing_is_kept_of_it(stage: Stage) -> None:
    stage.begin(ROWS + 10)
    stage.run(3 * ROWS)
    assert stage.campaign.state is CampaignState.DONE
    stage.pass_by(timedelta(days=400))
    for _ in range(20):
        prune_once(stage.tx, Keep(), Cursor())
    assert stage.tx.value("SELECT count(*) FROM campaigns") == 0
    assert stage.tx.value("SELECT count(*) FROM campaign_recipients") == 0

"""An account moves from one state to another, with all that hangs on it: one unit of work."""

from datetime import timedelta

from attrs import frozen

from daemon.domain.account import AccountState
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.job import NewJob, OnConflict
from daemon.domain.message import AccountId
from daemon.engine.account_states import NEEDS_QR, Event, Standing, moved
from daemon.store import accounts, alerts, due, jobs, logins
from daemon.store.tx import Tx

SEND_LANE = "send"
LOGIN_LANE = "login"
RECOVERY = timedelta(seconds=20)  # GeWe mostly brings a lost connection back by itself within that


@frozen(kw_only=True)
class Move:
    """Before and after; `after` is None where there is no such account."""

    before: Standing | None
    after: Standing | None

    @property
    def news(self) -> bool:
        return self.before != self.after


def move(tx: Tx, account_id: AccountId, event: Event, detail: str | None = None) -> Move:
    """What `event` makes of the account as it is stored now. What waits for it is woken, a person is told."""
    row = accounts.standing(tx, account_id)
    if row is None:
        return Move(before=None, after=None)
    before = Standing(AccountState(row["state"]), row["state_reason"])
    after = moved(before, event, detail)
    if after != before:
        accounts.put_state(tx, account_id, after.state, after.reason)
    if after.state is not before.state or event is Event.QR_NEEDED:
        _follow(tx, account_id, event, after, name=row["name"], relogin=bool(row["relogin"]))
    return Move(before=before, after=after)


def _follow(tx: Tx, account_id: AccountId, event: Event, after: Standing, *, name: str, relogin: bool) -> None:
    match after.state:
        case AccountState.ONLINE:
            due.hasten(tx, lane=SEND_LANE, key=account_id)
            alerts.resolve(tx, alert_name(account_id))
            logins.forget_tries(tx, account_id)
        case AccountState.OFFLINE if relogin:
            repair(tx, account_id)
        case AccountState.OFFLINE:
            call_for_a_person(tx, account_id, name)
        case AccountState.QR_PENDING if event is Event.QR_NEEDED:
            call_for_a_person(tx, account_id, name)
        case AccountState.LOGGED_OUT if event is Event.SAID_LOGGED_OUT:  # by somebody else: only a code helps now
            call_for_a_person(tx, account_id, name)
        case AccountState.SUSPENDED | AccountState.LOGGED_OUT:
            alerts.resolve(tx, alert_name(account_id))  # as an operator wants it


def repair(tx: Tx, account_id: AccountId) -> None:
    """Have it logged in again; one job an account does that."""
    tries = logins.tries(tx, account_id)
    due_at = tx.now + RECOVERY if tries.next_at is None else max(tries.next_at, tx.now + RECOVERY)
    job = NewJob(lane=LOGIN_LANE, key=account_id, unique_key=account_id, due_at=due_at, on_conflict=OnConflict.RERUN)
    jobs.add(tx, job)


def call_for_a_person(tx: Tx, account_id: AccountId, name: str) -> None:
    alert = NewAlert(
        fingerprint=alert_name(account_id),
        service="GeWe",
        type=AlertType.SERVICE_DOWN,
        severity=Severity.CRITICAL,
        code=NEEDS_QR,
        facts={"name": name, "id": account_id},
        account_id=account_id,
    )
    alerts.raise_(tx, alert)


def alert_name(account_id: AccountId) -> str:
    """Its fingerprint: one an account."""
    return f"{NEEDS_QR}/{account_id}"

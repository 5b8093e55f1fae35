"""Every state met by every event: one table, read across."""

from itertools import product

import pytest

from daemon.domain.account import AccountState
from daemon.engine.account_states import CHECKED, CURING, LOGIN_BEGUN, NEEDS_QR, SEND_FAILED, Event, Standing, moved

COLUMNS = ("new", "qr_pending", "online", "reconnecting", "offline", "logged_out", "suspended")
STAYS = "."
TABLE = """
                  new          qr_pending online       reconnecting offline      logged_out suspended
heard             online       online     online       online       online       online     .
send_accepted     online       online     online       online       online       .          .
send_offline      offline      .          offline      offline      offline      .          .
said_online       online       online     online       online       online       online     .
said_reconnecting reconnecting .          reconnecting .            .            .          .
said_offline      offline      .          offline      offline      .            .          .
said_logged_out   logged_out   .          logged_out   logged_out   logged_out   .          .
checked_online    online       .          online       online       .            .          .
checked_offline   .            .          offline      offline      .            .          .
cured             .            reconnecting .          .            reconnecting .          .
login_shown       qr_pending   qr_pending qr_pending   qr_pending   qr_pending   qr_pending .
login_done        online       online     online       online       online       online     .
qr_needed         qr_pending   qr_pending .            qr_pending   qr_pending   .          .
logged_out        logged_out   logged_out logged_out   logged_out   logged_out   .          .
suspended         suspended    suspended  suspended    suspended    suspended    suspended  .
resumed           .            .          .            .            .            .          new
"""
CELLS = [
    (Event(row.split()[0]), AccountState(state), wanted)
    for row in TABLE.strip().splitlines()[1:]
    for state, wanted in zip(COLUMNS, row.split()[1:], strict=True)
]
REASONS = {
    Event.SEND_OFFLINE: SEND_FAILED,
    Event.CHECKED_OFFLINE: CHECKED,
    Event.CURED: CURING,
    Event.LOGIN_SHOWN: LOGIN_BEGUN,
    Event.QR_NEEDED: NEEDS_QR,
}


def test_the_table_has_every_cell() -> None:
    assert {(event, state) for event, state, _ in CELLS} == set(product(Event, AccountState))


@pytest.mark.parametrize(("event", "state", "wanted"), CELLS, ids=lambda value: str(value))
def test_an_event_moves_a_state(event: Event, state: AccountState, wanted: str) -> None:
    before = Standing(state, None if state is AccountState.ONLINE else "why")
    after = moved(before, event, "word")
    if wanted == STAYS:
        assert after == before
    else:
        reason = None if wanted == "online" else REASONS.get(event, "word")
        assert after == Standing(AccountState(wanted), reason)


def test_gewe_alone_leads_out_of_offline_only_where_it_led_in() -> None:
    asked = Standing(AccountState.OFFLINE, CHECKED)
    failed = Standing(AccountState.OFFLINE, SEND_FAILED)
    assert moved(asked, Event.CHECKED_ONLINE) == Standing(AccountState.ONLINE)
    assert moved(failed, Event.CHECKED_ONLINE) == failed


def test_a_failed_send_weighs_more_than_what_made_it_offline_before() -> None:
    said = Standing(AccountState.OFFLINE, "Offline")
    assert moved(said, Event.SEND_OFFLINE) == Standing(AccountState.OFFLINE, SEND_FAILED)
    assert moved(Standing(AccountState.OFFLINE, SEND_FAILED), Event.SAID_OFFLINE, "Offline").reason == SEND_FAILED


@pytest.mark.parametrize("event", list(Event))
def test_what_our_own_logging_out_brings_about_is_not_taken_for_news(event: Event) -> None:
    curing = Standing(AccountState.RECONNECTING, CURING)
    moves = {
        Event.HEARD: "online",
        Event.SEND_ACCEPTED: "online",
        Event.SAID_ONLINE: "online",
        Event.LOGIN_SHOWN: "qr_pending",
        Event.LOGIN_DONE: "online",
        Event.QR_NEEDED: "qr_pending",
        Event.LOGGED_OUT: "logged_out",
        Event.SUSPENDED: "suspended",
    }
    assert moved(curing, event).state == moves.get(event, "reconnecting")

"""An account's states: what each observation makes of each of them. Pure; docs/gewe.md draws it.

What passes through the account is believed before what GeWe says of it: GeWe has been seen to call an account online
for hours while every message failed as offline. So its word leads out of `offline` only where its word led in.
"""

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from daemon.domain.account import AccountState, Signal

SEND_FAILED = "gewe.offline"  # reasons: a message failed as offline
CHECKED = "account.checked_offline"  # GeWe said so when it was asked
CURING = "account.false_online"  # GeWe was wrong: we log it out there, to log it in again
LOGIN_BEGUN = "account.login_begun"
NEEDS_QR = "account.needs_qr"


class Event(StrEnum):
    """What was observed of an account."""

    HEARD = "heard"  # a fresh message came
    SEND_ACCEPTED = "send_accepted"
    SEND_OFFLINE = "send_offline"  # a message failed, for the account is not logged in
    SAID_ONLINE = "said_online"  # by a callback, as the next three
    SAID_RECONNECTING = "said_reconnecting"
    SAID_OFFLINE = "said_offline"
    SAID_LOGGED_OUT = "said_logged_out"
    CHECKED_ONLINE = "checked_online"  # GeWe's answer when we asked
    CHECKED_OFFLINE = "checked_offline"
    CURED = "cured"  # we are about to log it out, for GeWe is wrong about it
    LOGIN_SHOWN = "login_shown"  # a person is to scan a code, or to tap on the phone
    LOGIN_DONE = "login_done"
    QR_NEEDED = "qr_needed"  # we can do no more by ourselves
    LOGGED_OUT = "logged_out"  # by us, as an operator wanted
    SUSPENDED = "suspended"  # by an operator
    RESUMED = "resumed"  # by an operator


SAID = {
    Signal.ONLINE: Event.SAID_ONLINE,
    Signal.RECONNECTING: Event.SAID_RECONNECTING,
    Signal.OFFLINE: Event.SAID_OFFLINE,
    Signal.LOGGED_OUT: Event.SAID_LOGGED_OUT,
}
TRAFFIC = frozenset({Event.HEARD, Event.SEND_ACCEPTED, Event.SAID_ONLINE})  # signs of life


@frozen
class Standing:
    """A state, and the code or GeWe's own word that says why."""

    state: AccountState
    reason: str | None = None


NEW, QR_PENDING, ONLINE = AccountState.NEW, AccountState.QR_PENDING, AccountState.ONLINE
RECONNECTING, OFFLINE = AccountState.RECONNECTING, AccountState.OFFLINE
SUSPENDED, LOGGED_OUT = AccountState.SUSPENDED, AccountState.LOGGED_OUT

# By event: the state it leads to from each; what is not listed stays as it is.
_MOVES: Mapping[Event, Mapping[AccountState, AccountState]] = {
    Event.HEARD: dict.fromkeys((NEW, QR_PENDING, ONLINE, RECONNECTING, OFFLINE, LOGGED_OUT), ONLINE),
    Event.SEND_ACCEPTED: dict.fromkeys((NEW, QR_PENDING, ONLINE, RECONNECTING, OFFLINE), ONLINE),
    Event.SEND_OFFLINE: dict.fromkeys((NEW, ONLINE, RECONNECTING, OFFLINE), OFFLINE),
    Event.SAID_ONLINE: dict.fromkeys((NEW, QR_PENDING, ONLINE, RECONNECTING, OFFLINE, LOGGED_OUT), ONLINE),
    Event.SAID_RECONNECTING: dict.fromkeys((NEW, ONLINE), RECONNECTING),
    Event.SAID_OFFLINE: dict.fromkeys((NEW, ONLINE, RECONNECTING), OFFLINE),
    Event.SAID_LOGGED_OUT: dict.fromkeys((NEW, ONLINE, RECONNECTING, OFFLINE), LOGGED_OUT),
    Event.CHECKED_ONLINE: dict.fromkeys((NEW, ONLINE, RECONNECTING), ONLINE),
    Event.CHECKED_OFFLINE: dict.fromkeys((ONLINE, RECONNECTING), OFFLINE),
    Event.CURED: dict.fromkeys((OFFLINE, QR_PENDING), RECONNECTING),
    Event.LOGIN_SHOWN: dict.fromkeys((NEW, QR_PENDING, ONLINE, RECONNECTING, OFFLINE, LOGGED_OUT), QR_PENDING),
    Event.LOGIN_DONE: dict.fromkeys((NEW, QR_PENDING, ONLINE, RECONNECTING, OFFLINE, LOGGED_OUT), ONLINE),
    Event.QR_NEEDED: dict.fromkeys((NEW, QR_PENDING, RECONNECTING, OFFLINE), QR_PENDING),
    Event.LOGGED_OUT: dict.fromkeys((NEW, QR_PENDING, ONLINE, RECONNECTING, OFFLINE), LOGGED_OUT),
    Event.SUSPENDED: dict.fromkeys(set(AccountState) - {SUSPENDED}, SUSPENDED),
    Event.RESUMED: {SUSPENDED: NEW},  # until it is heard of
}
_REASONS = {
    Event.SEND_OFFLINE: SEND_FAILED,
    Event.CHECKED_OFFLINE: CHECKED,
    Event.CURED: CURING,
    Event.LOGIN_SHOWN: LOGIN_BEGUN,
    Event.QR_NEEDED: NEEDS_QR,
}
_OURS = frozenset(  # what our own logging out brings about
    {
        Event.SEND_OFFLINE,
        Event.SAID_RECONNECTING,
        Event.SAID_OFFLINE,
        Event.SAID_LOGGED_OUT,
        Event.CHECKED_ONLINE,
        Event.CHECKED_OFFLINE,
    }
)


def moved(standing: Standing, event: Event, detail: str | None = None) -> Standing:
    """The account as it stands after `event`. `detail` is the reason where the event has no code of its own."""
    if standing.reason == CURING and event in _OURS:
        return standing
    if standing == Standing(OFFLINE, CHECKED) and event is Event.CHECKED_ONLINE:
        return Standing(ONLINE)
    state = _MOVES[event].get(standing.state)
    if state is None:
        return standing
    return Standing(state, None if state is ONLINE else _REASONS.get(event, detail))

"""The tables `contacts`, `contact_books` and `rooms`: what GeWe last said of them. All of it can be asked for again."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from attrs import frozen

from daemon.clock import from_ms, optional_from_ms, to_ms
from daemon.codec import encode_text, recall
from daemon.domain.message import AccountId, Wxid
from daemon.domain.people import Contact, ContactIds, Room
from daemon.store.tx import Tx

_MILLISECOND = timedelta(milliseconds=1)


class ContactKind(StrEnum):
    FRIEND = "friend"
    ROOM = "room"
    OFFICIAL = "official"


@frozen(kw_only=True)
class Known:
    """One of the address book. `contact` is None until it was read."""

    wxid: Wxid
    kind: ContactKind
    contact: Contact | None
    read_at: datetime | None


@frozen(kw_only=True)
class Book:
    """How the cached address book stands."""

    listed_at: datetime | None = None
    tried_at: datetime | None = None
    error: str | None = None  # of the last try, where it failed


@frozen(kw_only=True)
class KnownRoom:
    room: Room
    read_at: datetime


def replace_ids(tx: Tx, account_id: AccountId, ids: ContactIds) -> None:
    """The address book as GeWe lists it: who is on it no more is forgotten, what is known of the others stays."""
    listed = (
        [(wxid, ContactKind.FRIEND) for wxid in ids.friends]
        + [(wxid, ContactKind.ROOM) for wxid in ids.rooms]
        + [(wxid, ContactKind.OFFICIAL) for wxid in ids.officials]
    )
    for wxid, kind in listed:
        _name(tx, account_id, wxid, kind)
    tx.run("DELETE FROM contacts WHERE account_id = $1 AND listed_ms < $2", account_id, tx.now_ms)
    _book(tx, account_id, listed_ms=tx.now_ms, error=None)


def list_failed(tx: Tx, account_id: AccountId, error: str) -> None:
    _book(tx, account_id, listed_ms=None, error=error)


def _book(tx: Tx, account_id: AccountId, *, listed_ms: int | None, error: str | None) -> None:
    tx.run(
        """
        INSERT INTO contact_books (account_id, listed_ms, error, tried_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (account_id) DO UPDATE SET listed_ms = coalesce($2, listed_ms), error = $3, tried_ms = $4
        """,
        account_id,
        listed_ms,
        error,
        tx.now_ms,
    )


def _name(tx: Tx, account_id: AccountId, wxid: Wxid, kind: ContactKind) -> None:
    tx.run(
        """
        INSERT INTO contacts (account_id, wxid, kind, words, listed_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (account_id, wxid) DO UPDATE SET kind = excluded.kind, listed_ms = excluded.listed_ms
        """,
        account_id,
        wxid,
        kind,
        wxid.casefold(),
        tx.now_ms,
    )


def describe(tx: Tx, account_id: AccountId, contacts: Iterable[Contact]) -> None:
    """What was read of them; only those of the address book are kept."""
    for contact in contacts:
        tx.run(
            "UPDATE contacts SET brief = $3, read_ms = $4, words = $5 WHERE account_id = $1 AND wxid = $2",
            account_id,
            contact.wxid,
            encode_text(contact),
            tx.now_ms,
            f"{contact.wxid}\n{contact.remark}\n{contact.nickname}\n{contact.alias}".casefold(),
        )


def looked_for(tx: Tx, account_id: AccountId, wxids: Sequence[Wxid]) -> None:
    """GeWe was asked about them: whom it says nothing of is not asked for again at once."""
    tx.many(
        "UPDATE contacts SET read_ms = $3 WHERE account_id = $1 AND wxid = $2",
        [(account_id, wxid, tx.now_ms) for wxid in wxids],
    )


def undescribed(tx: Tx, account_id: AccountId, *, older: timedelta, limit: int) -> list[Wxid]:
    """Friends and official accounts that were not read yet, or not since `older` ago; those never read first."""
    rows = tx.all(
        """
        SELECT wxid FROM contacts
         WHERE account_id = $1 AND kind <> 'room' AND coalesce(read_ms, 0) < $2
         ORDER BY coalesce(read_ms, 0), wxid LIMIT $3
        """,
        account_id,
        tx.now_ms - older // _MILLISECOND,
        limit,
    )
    return [Wxid(row["wxid"]) for row in rows]


def get(tx: Tx, account_id: AccountId, wxid: Wxid) -> Known | None:
    row = tx.one("SELECT * FROM contacts WHERE account_id = $1 AND wxid = $2", account_id, wxid)
    return None if row is None else _known(row)


def add(tx: Tx, account_id: AccountId, wxid: Wxid, kind: ContactKind) -> None:
    """A callback told of one that is there now, or that something of them is new: they are read again."""
    _name(tx, account_id, wxid, kind)
    tx.run("UPDATE contacts SET read_ms = NULL WHERE account_id = $1 AND wxid = $2", account_id, wxid)


def was_named(tx: Tx, account_id: AccountId, wxid: Wxid, *, since: datetime) -> bool:
    """Whether WeChat has said since then that it is there."""
    found = tx.value(
        "SELECT 1 FROM contacts WHERE account_id = $1 AND wxid = $2 AND listed_ms >= $3", account_id, wxid, to_ms(since)
    )
    return found is not None


def forget(tx: Tx, account_id: AccountId, wxid: Wxid) -> None:
    tx.run("DELETE FROM contacts WHERE account_id = $1 AND wxid = $2", account_id, wxid)
    tx.run("DELETE FROM rooms WHERE account_id = $1 AND wxid = $2", account_id, wxid)


def forget_read(tx: Tx, account_id: AccountId, room: Wxid) -> None:
    """We changed it: what is known of it is old."""
    tx.run("UPDATE rooms SET read_ms = 0 WHERE account_id = $1 AND wxid = $2", account_id, room)


_WANTED = """
    account_id = $1 AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR instr(words, $3) > 0)
"""


def page(
    tx: Tx, account_id: AccountId, *, kind: ContactKind | None, words: str | None, after: str | None, limit: int
) -> tuple[list[Known], int]:
    """By wxid, those after the one named, and how many there are."""
    wanted = account_id, kind, words.casefold() if words else None
    rows = tx.all(
        f"SELECT * FROM contacts WHERE {_WANTED} AND ($4 IS NULL OR wxid > $4) ORDER BY wxid LIMIT $5",  # noqa: S608
        *wanted,
        after,
        limit,
    )
    total: int = tx.value(f"SELECT count(*) FROM contacts WHERE {_WANTED}", *wanted)  # noqa: S608  # text of ours
    return [_known(row) for row in rows], total


def book(tx: Tx, account_id: AccountId) -> Book:
    row = tx.one("SELECT * FROM contact_books WHERE account_id = $1", account_id)
    if row is None:
        return Book()
    return Book(
        listed_at=optional_from_ms(row["listed_ms"]), tried_at=optional_from_ms(row["tried_ms"]), error=row["error"]
    )


# Rooms


def keep_room(tx: Tx, account_id: AccountId, room: Room) -> None:
    tx.run(
        """
        INSERT INTO rooms (account_id, wxid, room, read_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (account_id, wxid) DO UPDATE SET room = $3, read_ms = $4
        """,
        account_id,
        room.wxid,
        encode_text(room),
        tx.now_ms,
    )


def room(tx: Tx, account_id: AccountId, wxid: Wxid) -> KnownRoom | None:
    row = tx.one("SELECT * FROM rooms WHERE account_id = $1 AND wxid = $2", account_id, wxid)
    return None if row is None else KnownRoom(room=recall(row["room"], Room), read_at=from_ms(row["read_ms"]))


_ROOMS = """
    SELECT wxid, max(name) AS name FROM (
        SELECT wxid, NULL AS name FROM contacts WHERE account_id = $1 AND kind = 'room'
        UNION ALL
        SELECT wxid, json_extract(room, '$.name') FROM rooms WHERE account_id = $1
        UNION ALL
        SELECT peer, name FROM conversations WHERE account_id = $1 AND peer LIKE '%@chatroom')
     GROUP BY wxid
"""


def rooms(tx: Tx, account_id: AccountId, *, after: str | None, limit: int) -> tuple[list[tuple[Wxid, str]], int]:
    """Every room we know of by id, with its name where we know that: of the address book, or seen in a message."""
    rows = tx.all(
        f"SELECT * FROM ({_ROOMS}) WHERE $2 IS NULL OR wxid > $2 ORDER BY wxid LIMIT $3",  # noqa: S608
        account_id,
        after,
        limit,
    )
    total: int = tx.value(f"SELECT count(*) FROM ({_ROOMS})", account_id)  # noqa: S608  # text of ours
    return [(Wxid(row["wxid"]), row["name"] or "") for row in rows], total


def knows_room(tx: Tx, account_id: AccountId, wxid: Wxid) -> str | None:
    """The room's name, perhaps empty; None for one we never heard of."""
    row = tx.one(f"SELECT name FROM ({_ROOMS}) WHERE wxid = $2", account_id, wxid)  # noqa: S608  # text of ours
    return None if row is None else row["name"] or ""


def _known(row: sqlite3.Row) -> Known:
    return Known(
        wxid=Wxid(row["wxid"]),
        kind=ContactKind(row["kind"]),
        contact=None if row["brief"] is None else recall(row["brief"], Contact),
        read_at=optional_from_ms(row["read_ms"]),
    )

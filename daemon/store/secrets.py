"""Sealed values wherever they are: which master key each of them wants, and sealing them anew."""

from collections.abc import Iterator

from attrs import frozen

from daemon.secret import Secret
from daemon.store import meta
from daemon.store.tx import Tx
from daemon.vault import Corrupt, Vault, sealed_with

CHECK_VALUE = "vault.check_value"  # in `meta`: which master key the store is sealed with
ROOTS = "secret."  # of the names in `meta`: keys of our own that outlive the master key they came from


@frozen(kw_only=True)
class Column:
    """A column of sealed values; its context binds each to its row."""

    table: str
    name: str


@frozen(kw_only=True)
class Place:
    """Where one sealed value is."""

    column: Column | None  # None: it is a root, in `meta`
    id: str  # of the row, or the root's name

    @property
    def context(self) -> str:
        """What the value is bound to."""
        if self.column is None:
            return _root_context(self.id)
        return f"{self.column.table}|{self.id}|{self.column.name}"


COLUMNS = (
    Column(table="accounts", name="token"),
    Column(table="workflows", name="key"),
    Column(table="logins", name="proxy"),
    Column(table="webhooks", name="auth_secret"),
    Column(table="webhooks", name="signing_keys"),
    Column(table="webhooks", name="api_key"),
)


def root(tx: Tx, vault: Vault, name: str) -> str | None:
    sealed = meta.get(tx, ROOTS + name)
    return None if sealed is None else vault.open(_root_context(name), bytes.fromhex(sealed)).reveal()


def put_root(tx: Tx, name: str, sealed: bytes) -> None:
    meta.put(tx, ROOTS + name, sealed.hex())


def _root_context(name: str) -> str:
    return f"meta|{ROOTS}{name}|value"


def seal_root(vault: Vault, name: str, value: str) -> bytes:
    return vault.seal(_root_context(name), Secret(value))


def wanted(tx: Tx) -> dict[bytes, list[Place]]:
    """Which sealed values want which master key, by its id."""
    found: dict[bytes, list[Place]] = {}
    for place, sealed in _sealed(tx):
        found.setdefault(sealed_with(sealed), []).append(place)
    return found


def reseal(tx: Tx, vault: Vault, limit: int, but: frozenset[Place] = frozenset()) -> tuple[int, set[Place]]:
    """Seal up to `limit` values with the key that seals now; how many it were, and which could not be opened.

    Those in `but` are left as they are, and so is what wants a key that we have not.
    """
    done, failed = 0, set[Place]()
    for place, sealed in _sealed(tx):
        if done + len(failed) == limit:
            break
        key_id = sealed_with(sealed)
        if key_id == vault.id or place in but or not vault.opens(key_id):
            continue
        try:
            secret = vault.open(place.context, sealed)
        except Corrupt:
            failed.add(place)
        else:
            _put(tx, place, vault.seal(place.context, secret))
            done += 1
    return done, failed


def _put(tx: Tx, place: Place, sealed: bytes) -> None:
    if place.column is None:
        put_root(tx, place.id, sealed)
        return
    tx.run(
        f"UPDATE {place.column.table} SET {place.column.name} = $2 WHERE id = $1",  # noqa: S608  # names of ours
        place.id,
        sealed,
    )


def _sealed(tx: Tx) -> Iterator[tuple[Place, bytes]]:
    for column in COLUMNS:
        rows = tx.all(
            f"SELECT id, {column.name} AS sealed FROM {column.table} WHERE {column.name} IS NOT NULL ORDER BY id"  # noqa: S608
        )
        for row in rows:
            yield Place(column=column, id=row["id"]), row["sealed"]
    for row in tx.all("SELECT key, value FROM meta WHERE key GLOB $1 ORDER BY key", f"{ROOTS}*"):
        yield Place(column=None, id=row["key"].removeprefix(ROOTS)), bytes.fromhex(row["value"])

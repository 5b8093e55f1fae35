"""Sealed values wherever they are: which master key each of them wants, and sealing them anew."""

from collections import Counter
from collections.abc import Iterator

from attrs import frozen

from daemon.secret import Secret
from daemon.store import meta
from daemon.store.tx import Tx
from daemon.vault import Vault, sealed_with

ROOTS = "secret."  # of the names in `meta`: keys of our own that outlive the master key they came from


@frozen(kw_only=True)
class Column:
    """A column of sealed values; its context binds each to its row."""

    table: str
    name: str

    def context(self, row_id: str) -> str:
        return f"{self.table}|{row_id}|{self.name}"


COLUMNS = (
    Column(table="accounts", name="token"),
    Column(table="workflows", name="key"),
    Column(table="logins", name="proxy"),
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


def wanted(tx: Tx) -> dict[str, int]:
    """How many sealed values want which master key, by its id."""
    return dict(Counter(sealed_with(sealed).hex() for _, _, sealed in _sealed(tx)))


def reseal(tx: Tx, vault: Vault, limit: int) -> int:
    """Seal up to `limit` values with the key that seals now; how many it were."""
    done = 0
    for place, row_id, sealed in _sealed(tx):
        if done == limit:
            break
        if sealed_with(sealed) != vault.id:
            _seal_anew(tx, vault, place, row_id, sealed)
            done += 1
    return done


def _seal_anew(tx: Tx, vault: Vault, place: Column | None, row_id: str, sealed: bytes) -> None:
    if place is None:
        context = _root_context(row_id)
        put_root(tx, row_id, vault.seal(context, vault.open(context, sealed)))
        return
    context = place.context(row_id)
    tx.run(
        f"UPDATE {place.table} SET {place.name} = $2 WHERE id = $1",  # noqa: S608  # names of ours
        row_id,
        vault.seal(context, vault.open(context, sealed)),
    )


def _sealed(tx: Tx) -> Iterator[tuple[Column | None, str, bytes]]:
    """Where, which row, and the sealed value; None stands for the roots."""
    for column in COLUMNS:
        rows = tx.all(f"SELECT id, {column.name} AS sealed FROM {column.table} ORDER BY id")  # noqa: S608
        for row in rows:
            yield column, row["id"], row["sealed"]
    for row in tx.all("SELECT key, value FROM meta WHERE key GLOB $1 ORDER BY key", f"{ROOTS}*"):
        yield None, row["key"].removeprefix(ROOTS), bytes.fromhex(row["value"])

"""What may be made of a key, and the units of work that make it: each leaves its row in the audit log."""

from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from attrs import evolve, frozen

from daemon.clock import rfc3339
from daemon.domain.access import Actor, Key, Role
from daemon.errors import Conflict, Invalid, NotFound, PreconditionFailed
from daemon.store import audit, keys
from daemon.store.keys import Found
from daemon.store.tx import Tx

LONGEST_LIFE = timedelta(days=365)


@frozen(kw_only=True)
class Terms:
    """What a key may do, where, until when, and how often."""

    name: str
    role: Role
    expires_at: datetime | None
    networks: tuple[str, ...]  # none: from anywhere
    accounts: frozenset[str] | None  # None: all
    rate_limit: int | None = None  # calls a second; None: what its role allows


def standing(key: Key, now: datetime) -> str | None:
    """Why it may not be used; None: it may."""
    if key.revoked_at is not None:
        return "auth.revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "auth.expired"
    return None


def existing(found: Found | None) -> Found:
    if found is None:
        raise NotFound("key.not_found")
    return found


def add(tx: Tx, key_id: str, terms: Terms, digest: bytes, *, by: Actor) -> Key:
    _check_expiry(terms.expires_at, tx.now)
    key = Key(
        id=key_id,
        name=terms.name,
        role=terms.role,
        created_at=tx.now,
        expires_at=terms.expires_at,
        revoked_at=None,
        last_used_at=None,
        networks=_networks(terms.networks),
        accounts=_accounts(tx, terms.accounts),
        rate_limit=terms.rate_limit,
    )
    keys.add(tx, key, digest, by=by.id)
    audit.record(tx, by, "key.created", f"key:{key.id}", detail=_facts(key))
    return key


def change(tx: Tx, key_id: str, terms: Terms, *, version: int | None, by: Actor) -> Key:
    known = _usable(tx, key_id)
    if version is not None and version != known.version:
        raise PreconditionFailed("stale_version", found=known.version)
    if terms.expires_at != known.expires_at:
        _check_expiry(terms.expires_at, tx.now)
    changed = evolve(
        known,
        name=terms.name,
        role=terms.role,
        expires_at=terms.expires_at,
        networks=_networks(terms.networks),
        accounts=known.accounts if terms.accounts == known.accounts else _accounts(tx, terms.accounts),
        rate_limit=terms.rate_limit,
        version=known.version + 1,
    )
    _keep_an_admin(tx, known, changed)
    keys.save(tx, changed)
    before, after = _facts(known), _facts(changed)
    told = {name: {"before": before[name], "after": after[name]} for name in after if before[name] != after[name]}
    audit.record(tx, by, "key.changed", f"key:{key_id}", detail=told)
    return changed


def revoke(tx: Tx, key_id: str, *, by: Actor) -> None:
    key = existing(keys.find(tx, key_id)).key
    if key.revoked_at is not None:
        return
    _keep_an_admin(tx, key, None)
    keys.revoke(tx, key_id)
    audit.record(tx, by, "key.revoked", f"key:{key_id}")


def renew(tx: Tx, key_id: str, digest: bytes, *, overlap: timedelta, by: Actor) -> Key:
    _usable(tx, key_id)
    until = tx.now + overlap if overlap else None
    keys.renew(tx, key_id, digest, old_until=until)
    audit.record(tx, by, "key.rotated", f"key:{key_id}", detail={"old_until": _moment(until)})
    return existing(keys.find(tx, key_id)).key


def _usable(tx: Tx, key_id: str) -> Key:
    key = existing(keys.find(tx, key_id)).key
    if standing(key, tx.now) is not None:
        raise Conflict("key.void")
    return key


def _keep_an_admin(tx: Tx, before: Key, after: Key | None) -> None:
    """Somebody can always make keys, also when all that expires has expired."""
    if not before.rules_alone() or standing(before, tx.now) is not None:
        return
    rules = after is not None and after.rules_alone()
    lasts = rules and after is not None and after.expires_at is None
    alone = not rules and keys.admins(tx, besides=before.id) == 0
    last = not lasts and before.expires_at is None and keys.admins(tx, besides=before.id, for_ever=True) == 0
    if alone or last:
        raise Conflict("key.last_admin")


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise Invalid("key.bad_expiry", days=LONGEST_LIFE.days)


def _networks(given: tuple[str, ...]) -> tuple[str, ...]:
    """As they are usually written."""
    try:
        return tuple(dict.fromkeys(str(ip_network(text)) for text in given))
    except ValueError as error:
        raise Invalid("key.bad_network") from error


def _accounts(tx: Tx, wanted: frozenset[str] | None) -> frozenset[str] | None:
    if wanted is not None and (unknown := keys.unknown_accounts(tx, wanted)):
        raise Invalid("key.no_account", id=unknown[0])
    return wanted


def _facts(key: Key) -> dict[str, Any]:
    """Its terms as the audit log tells them."""
    return {
        "name": key.name,
        "role": key.role,
        "expires_at": _moment(key.expires_at),
        "networks": list(key.networks),
        "accounts": None if key.accounts is None else sorted(key.accounts),
        "rate_limit": key.rate_limit,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)

"""The table `webhooks`: n8n's, by the kind of task they do. Their secrets are sealed, each bound to its row."""

import sqlite3
from datetime import timedelta

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text, parse
from daemon.domain.webhook import AuthKind, CacheTerms, Method, N8nApi, RetryTerms, Webhook, WebhookAuth
from daemon.secret import Secret
from daemon.store.tx import Tx
from daemon.vault import Vault

_MILLISECOND = timedelta(milliseconds=1)


def add(tx: Tx, vault: Vault, webhook: Webhook) -> None:
    tx.run(
        """
        INSERT INTO webhooks (id, task_type, name, url, method, auth_kind, auth_name, auth_secret, signing_keys,
                              timeout_ms, attempts, retry_base_ms, retry_cap_ms, repeat, cache_ttl_ms, cache_shared,
                              output, at_once, api_url, api_key, api_workflow, is_active, created_ms, updated_ms,
                              version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                $23, $24, $25)
        """,
        *_values(vault, webhook),
    )


def save(tx: Tx, vault: Vault, webhook: Webhook) -> None:
    tx.run(
        """
        UPDATE webhooks
           SET task_type = $2, name = $3, url = $4, method = $5, auth_kind = $6, auth_name = $7, auth_secret = $8,
               signing_keys = $9, timeout_ms = $10, attempts = $11, retry_base_ms = $12, retry_cap_ms = $13,
               repeat = $14, cache_ttl_ms = $15, cache_shared = $16, output = $17, at_once = $18, api_url = $19,
               api_key = $20, api_workflow = $21, is_active = $22, created_ms = $23, updated_ms = $24, version = $25
         WHERE id = $1
        """,
        *_values(vault, webhook),
    )


def get(tx: Tx, vault: Vault, webhook_id: str) -> Webhook | None:
    row = tx.one("SELECT * FROM webhooks WHERE id = $1", webhook_id)
    return None if row is None else _webhook(row, vault)


def active_for(tx: Tx, vault: Vault, task_type: str) -> Webhook | None:
    """The one that does such a task now."""
    row = tx.one("SELECT * FROM webhooks WHERE task_type = $1 AND is_active = 1", task_type)
    return None if row is None else _webhook(row, vault)


def page(
    tx: Tx, vault: Vault, *, task_type: str | None, is_active: bool | None, before: str | None, limit: int
) -> list[Webhook]:
    """Newest first, those with an id below `before`."""
    rows = tx.all(
        """
        SELECT * FROM webhooks
         WHERE ($1 IS NULL OR task_type = $1) AND ($2 IS NULL OR is_active = $2) AND ($3 IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4
        """,
        task_type,
        is_active,
        before,
        limit,
    )
    return [_webhook(row, vault) for row in rows]


def count(tx: Tx, *, task_type: str | None = None, is_active: bool | None = None) -> int:
    total: int = tx.value(
        """
        SELECT count(*) FROM webhooks
         WHERE ($1 IS NULL OR task_type = $1) AND ($2 IS NULL OR is_active = $2)
        """,
        task_type,
        is_active,
    )
    return total


def remove(tx: Tx, webhook_id: str) -> bool:
    return tx.run("DELETE FROM webhooks WHERE id = $1", webhook_id) > 0


def users(tx: Tx, webhook_id: str) -> list[str]:
    """Names of the workflows that run through it."""
    rows = tx.all("SELECT name FROM workflows WHERE webhook_id = $1 ORDER BY name LIMIT 10", webhook_id)
    return [row["name"] for row in rows]


def _values(vault: Vault, webhook: Webhook) -> tuple[object, ...]:
    cache, api = webhook.cache, webhook.api
    return (
        webhook.id,
        webhook.task_type,
        webhook.name,
        webhook.url,
        webhook.method,
        webhook.auth.kind,
        webhook.auth.name,
        _sealed(vault, webhook.id, "auth_secret", webhook.auth.secret),
        _sealed(vault, webhook.id, "signing_keys", _listed(webhook.signing_keys)),
        webhook.timeout // _MILLISECOND,
        webhook.retry.attempts,
        webhook.retry.base // _MILLISECOND,
        webhook.retry.cap // _MILLISECOND,
        webhook.retry.repeat,
        None if cache is None else cache.ttl // _MILLISECOND,
        cache is not None and cache.shared,
        webhook.output,
        webhook.at_once,
        None if api is None else api.url,
        _sealed(vault, webhook.id, "api_key", None if api is None else api.key),
        None if api is None else api.workflow_id,
        webhook.is_active,
        to_ms(webhook.created_at),
        to_ms(webhook.updated_at),
        webhook.version,
    )


def _webhook(row: sqlite3.Row, vault: Vault) -> Webhook:
    return Webhook(
        id=row["id"],
        task_type=row["task_type"],
        name=row["name"],
        url=row["url"],
        method=Method(row["method"]),
        auth=WebhookAuth(
            kind=AuthKind(row["auth_kind"]), name=row["auth_name"], secret=_opened(vault, row, "auth_secret")
        ),
        signing_keys=_keys(vault, _opened(vault, row, "signing_keys")),
        timeout=timedelta(milliseconds=row["timeout_ms"]),
        retry=_retry(row),
        cache=_cache(row),
        output=row["output"],
        at_once=row["at_once"],
        api=_api(row, vault),
        is_active=bool(row["is_active"]),
        created_at=from_ms(row["created_ms"]),
        updated_at=from_ms(row["updated_ms"]),
        version=row["version"],
    )


def _retry(row: sqlite3.Row) -> RetryTerms:
    return RetryTerms(
        attempts=row["attempts"],
        base=timedelta(milliseconds=row["retry_base_ms"]),
        cap=timedelta(milliseconds=row["retry_cap_ms"]),
        repeat=bool(row["repeat"]),
    )


def _cache(row: sqlite3.Row) -> CacheTerms | None:
    if row["cache_ttl_ms"] is None:
        return None
    return CacheTerms(ttl=timedelta(milliseconds=row["cache_ttl_ms"]), shared=bool(row["cache_shared"]))


def _api(row: sqlite3.Row, vault: Vault) -> N8nApi | None:
    key = _opened(vault, row, "api_key")
    return None if key is None else N8nApi(url=row["api_url"], key=key, workflow_id=row["api_workflow"])


def _listed(keys: tuple[Secret, ...]) -> Secret | None:
    return Secret(encode_text([key.reveal() for key in keys])) if keys else None


def _keys(vault: Vault, listed: Secret | None) -> tuple[Secret, ...]:
    """Each is hidden by itself: the vault knows them only as one text."""
    keys = () if listed is None else tuple(Secret(key) for key in parse(listed.reveal()))
    vault.redactor.add(*keys)
    return keys


def _sealed(vault: Vault, webhook_id: str, column: str, secret: Secret | None) -> bytes | None:
    return None if secret is None else vault.seal(_context(webhook_id, column), secret)


def _opened(vault: Vault, row: sqlite3.Row, column: str) -> Secret | None:
    sealed = row[column]
    return None if sealed is None else vault.open(_context(row["id"], column), sealed)


def _context(webhook_id: str, column: str) -> str:
    return f"webhooks|{webhook_id}|{column}"

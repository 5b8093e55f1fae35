"""The table `workflows`."""

import sqlite3
from collections.abc import Collection
from datetime import timedelta

from daemon.clock import from_ms, to_ms
from daemon.codec import encode_text, parse, recall
from daemon.domain.workflow import Handover, Memory, Provider, Workflow
from daemon.store import webhooks
from daemon.store.tx import Tx
from daemon.vault import Vault

_MILLISECOND = timedelta(milliseconds=1)


def add(tx: Tx, vault: Vault, workflow: Workflow) -> None:
    tx.run(
        """
        INSERT INTO workflows (id, name, provider, base_url, key, app_id, endpoint, stream, memory, system_prompt,
                               variables, timeout_ms, fallback_id, created_ms, updated_ms, version, model,
                               webhook_id, handover)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        """,
        *_values(vault, workflow),
    )


def save(tx: Tx, vault: Vault, workflow: Workflow) -> None:
    tx.run(
        """
        UPDATE workflows
           SET name = $2, provider = $3, base_url = $4, key = $5, app_id = $6, endpoint = $7, stream = $8, memory = $9,
               system_prompt = $10, variables = $11, timeout_ms = $12, fallback_id = $13, created_ms = $14,
               updated_ms = $15, version = $16, model = $17, webhook_id = $18, handover = $19
         WHERE id = $1
        """,
        *_values(vault, workflow),
    )


def get(tx: Tx, vault: Vault, workflow_id: str) -> Workflow | None:
    row = tx.one("SELECT * FROM workflows WHERE id = $1", workflow_id)
    return None if row is None else _workflow(tx, row, vault)


def provider_of(tx: Tx, workflow_id: str) -> Provider | None:
    found = tx.value("SELECT provider FROM workflows WHERE id = $1", workflow_id)
    return None if found is None else Provider(found)


def page(
    tx: Tx,
    vault: Vault,
    *,
    provider: Provider | None,
    account_ids: Collection[str] | None = None,
    before: str | None,
    limit: int,
) -> list[Workflow]:
    """Newest first, those with an id below `before`; `account_ids`: only those asked for one of these accounts."""
    rows = tx.all(
        """
        SELECT * FROM workflows
         WHERE ($1 IS NULL OR provider = $1) AND ($2 IS NULL OR id < $2)
           AND ($4 IS NULL OR id IN (SELECT value FROM json_each($4))) ORDER BY id DESC LIMIT $3
        """,
        provider,
        before,
        limit,
        _asked_for(tx, account_ids),
    )
    return [_workflow(tx, row, vault) for row in rows]


def count(tx: Tx, *, provider: Provider | None, account_ids: Collection[str] | None = None) -> int:
    total: int = tx.value(
        """
        SELECT count(*) FROM workflows
         WHERE ($1 IS NULL OR provider = $1) AND ($2 IS NULL OR id IN (SELECT value FROM json_each($2)))
        """,
        provider,
        _asked_for(tx, account_ids),
    )
    return total


def _asked_for(tx: Tx, account_ids: Collection[str] | None) -> str | None:
    """The ids of the workflows asked for these accounts, fallbacks of fallbacks included."""
    if account_ids is None:
        return None
    rows = tx.all(f"{_ASKED} SELECT id FROM asked", encode_text(sorted(account_ids)))  # noqa: S608  # text of ours
    return encode_text([row["id"] for row in rows])


_ASKED = """
    WITH RECURSIVE asked (id) AS (
        SELECT workflow_id FROM accounts WHERE workflow_id IS NOT NULL AND id IN (SELECT value FROM json_each($1))
        UNION SELECT w.fallback_id FROM workflows w JOIN asked ON w.id = asked.id WHERE w.fallback_id IS NOT NULL)
"""


def remove(tx: Tx, workflow_id: str) -> bool:
    return tx.run("DELETE FROM workflows WHERE id = $1", workflow_id) > 0


def named(tx: Tx, name: str, *, account_ids: Collection[str] | None = None) -> list[str]:
    """The ids of those with this name, two at most; `account_ids`: only those asked for one of these accounts."""
    rows = tx.all(
        """
        SELECT id FROM workflows
         WHERE name = $1 AND ($2 IS NULL OR id IN (SELECT value FROM json_each($2))) ORDER BY id LIMIT 2
        """,
        name,
        _asked_for(tx, account_ids),
    )
    return [row["id"] for row in rows]


def serves(tx: Tx, workflow_id: str, account_ids: Collection[str]) -> bool:
    """Is it asked for one of these accounts, be it as a fallback of a fallback?"""
    listed = encode_text(sorted(account_ids))
    return tx.value(f"{_ASKED} SELECT 1 FROM asked WHERE id = $2", listed, workflow_id) is not None  # noqa: S608  # ours


def users(tx: Tx, workflow_id: str) -> list[str]:
    """Names of the accounts and workflows that would be left without it."""
    rows = tx.all(
        """
        SELECT name FROM accounts WHERE workflow_id = $1
        UNION ALL SELECT name FROM workflows WHERE fallback_id = $1 ORDER BY name LIMIT 10
        """,
        workflow_id,
    )
    return [row["name"] for row in rows]


def _values(vault: Vault, workflow: Workflow) -> tuple[object, ...]:
    return (
        workflow.id,
        workflow.name,
        workflow.provider,
        workflow.base_url,
        vault.seal(_context(workflow.id), workflow.key),
        workflow.app_id,
        workflow.endpoint,
        workflow.stream,
        workflow.memory,
        workflow.system_prompt,
        encode_text(workflow.variables),
        workflow.timeout // _MILLISECOND,
        workflow.fallback_id,
        to_ms(workflow.created_at),
        to_ms(workflow.updated_at),
        workflow.version,
        workflow.model,
        None if workflow.webhook is None else workflow.webhook.id,
        encode_text(workflow.handover),
    )


def _workflow(tx: Tx, row: sqlite3.Row, vault: Vault) -> Workflow:
    return Workflow(
        id=row["id"],
        name=row["name"],
        provider=Provider(row["provider"]),
        base_url=row["base_url"],
        key=vault.open(_context(row["id"]), row["key"]),
        app_id=row["app_id"],
        endpoint=row["endpoint"],
        stream=bool(row["stream"]),
        memory=Memory(row["memory"]),
        system_prompt=row["system_prompt"],
        variables=parse(row["variables"]),
        timeout=timedelta(milliseconds=row["timeout_ms"]),
        fallback_id=row["fallback_id"],
        created_at=from_ms(row["created_ms"]),
        updated_at=from_ms(row["updated_ms"]),
        version=row["version"],
        model=row["model"],
        webhook=None if row["webhook_id"] is None else webhooks.get(tx, vault, row["webhook_id"]),
        handover=recall(row["handover"], Handover),
    )


def _context(workflow_id: str) -> str:
    return f"workflows|{workflow_id}|key"

"""The table `campaigns`: what is sent to whom is in `campaign_recipients`."""

import sqlite3
from collections.abc import Collection
from datetime import datetime, time, timedelta

from daemon.clock import from_ms, optional_from_ms, optional_to_ms, to_ms
from daemon.codec import encode_text
from daemon.domain.campaign import Campaign, CampaignState, NewCampaign, QuietHours, Spread
from daemon.domain.message import AccountId
from daemon.store.sends import listed, parcel_of
from daemon.store.tx import Tx

_MILLISECOND = timedelta(milliseconds=1)


def add(tx: Tx, new: NewCampaign, *, state: CampaignState, by: str) -> str:
    identifier, spread = tx.new_id(), new.spread
    tx.run(
        """
        INSERT INTO campaigns (id, account_id, name, state, kind, parcel, quiet_from, quiet_to, time_zone, per_hour,
                               gap_low_ms, gap_high_ms, starts_ms, expires_ms, next_ms, request_id, created_ms,
                               created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $15, $16, $17)
        """,
        identifier,
        new.account_id,
        new.name,
        state,
        new.parcel.kind,
        encode_text(new.parcel),
        f"{spread.quiet.begin:%H:%M}",
        f"{spread.quiet.end:%H:%M}",
        spread.quiet.zone,
        spread.per_hour,
        spread.gap_low // _MILLISECOND,
        spread.gap_high // _MILLISECOND,
        to_ms(new.starts_at),
        optional_to_ms(new.expires_at),
        new.request_id,
        tx.now_ms,
        by,
    )
    return identifier


def get(tx: Tx, campaign_id: str) -> Campaign | None:
    row = tx.one("SELECT * FROM campaigns WHERE id = $1", campaign_id)
    return None if row is None else _campaign(row)


def move(tx: Tx, campaign_id: str, state: CampaignState, *, reason: str | None = None) -> None:
    """From one state to another, with why. One that is over stays over."""
    ended = tx.now_ms if state in {CampaignState.DONE, CampaignState.STOPPED} else None
    tx.run(
        """
        UPDATE campaigns SET state = $2, reason = $3, ended_ms = $4
         WHERE id = $1 AND state NOT IN ('stopped', 'done')
        """,
        campaign_id,
        state,
        reason,
        ended,
    )


def postpone(tx: Tx, campaign_id: str, until: datetime) -> None:
    """Nobody is handed out before."""
    tx.run("UPDATE campaigns SET next_ms = $2 WHERE id = $1", campaign_id, to_ms(until))


def count_failures(tx: Tx, campaign_id: str, failures: int) -> None:
    """How many in a row, by now."""
    tx.run("UPDATE campaigns SET failures = $2 WHERE id = $1", campaign_id, failures)


def page(
    tx: Tx, *, scope: Collection[str] | None, state: CampaignState | None, before: str | None, limit: int
) -> list[Campaign]:
    """Newest first. `scope`: only those of these accounts; None: all."""
    rows = tx.all(
        """
        SELECT * FROM campaigns
         WHERE ($1 IS NULL OR account_id IN (SELECT value FROM json_each($1))) AND ($2 IS NULL OR state = $2)
           AND ($3 IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4
        """,
        listed(scope),
        state,
        before,
        limit,
    )
    return [_campaign(row) for row in rows]


def count(tx: Tx, *, scope: Collection[str] | None, state: CampaignState | None) -> int:
    total: int = tx.value(
        """
        SELECT count(*) FROM campaigns
         WHERE ($1 IS NULL OR account_id IN (SELECT value FROM json_each($1))) AND ($2 IS NULL OR state = $2)
        """,
        listed(scope),
        state,
    )
    return total


def prune(tx: Tx, *, before_ms: int, limit: int) -> int:
    """Up to `limit` rows of those that ended before: their recipients first."""
    people = tx.run(
        """
        DELETE FROM campaign_recipients WHERE (campaign_id, place) IN (
            SELECT r.campaign_id, r.place FROM campaigns c CROSS JOIN campaign_recipients r
             WHERE c.ended_ms < $1 AND r.campaign_id = c.id LIMIT $2)
        """,
        before_ms,
        limit,
    )
    if people == limit:
        return people
    return people + tx.run(
        "DELETE FROM campaigns WHERE id IN (SELECT id FROM campaigns WHERE ended_ms < $1 LIMIT $2)",
        before_ms,
        limit - people,
    )


def _campaign(row: sqlite3.Row) -> Campaign:
    quiet = QuietHours(
        begin=time.fromisoformat(row["quiet_from"]),
        end=time.fromisoformat(row["quiet_to"]),
        zone=row["time_zone"],
    )
    return Campaign(
        id=row["id"],
        account_id=AccountId(row["account_id"]),
        name=row["name"],
        state=CampaignState(row["state"]),
        reason=row["reason"],
        parcel=parcel_of(row["kind"], row["parcel"]),
        spread=Spread(
            quiet=quiet,
            per_hour=row["per_hour"],
            gap_low=row["gap_low_ms"] * _MILLISECOND,
            gap_high=row["gap_high_ms"] * _MILLISECOND,
        ),
        starts_at=from_ms(row["starts_ms"]),
        expires_at=optional_from_ms(row["expires_ms"]),
        next_at=from_ms(row["next_ms"]),
        failures=row["failures"],
        request_id=row["request_id"],
        created_at=from_ms(row["created_ms"]),
        created_by=row["created_by"],
        ended_at=optional_from_ms(row["ended_ms"]),
    )

-- Everything that can be sent, taking it back, people who asked to be left alone, and one message to many.

ALTER TABLE sends ADD COLUMN kind TEXT NOT NULL DEFAULT 'text';     -- daemon.domain.outgoing
ALTER TABLE sends ADD COLUMN parcel TEXT NOT NULL DEFAULT '{}';     -- JSON, by kind; a text stands in `text` and `mentions`
ALTER TABLE sends ADD COLUMN revoke TEXT CHECK (revoke IN ('revoking', 'unknown'));
ALTER TABLE sends ADD COLUMN revoke_epoch INTEGER NOT NULL DEFAULT 0;  -- of the process that is taking it back
CREATE INDEX sends_revoking ON sends (revoke_epoch) WHERE revoke = 'revoking';

CREATE INDEX messages_wechat ON messages (wechat_id) WHERE wechat_id IS NOT NULL;  -- to quote one

CREATE TABLE do_not_contact (
    id         TEXT PRIMARY KEY,
    account_id TEXT,                          -- NULL: by none of our accounts
    peer       TEXT NOT NULL,
    reason     TEXT NOT NULL CHECK (reason IN ('operator', 'stop_word')),
    note       TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX do_not_contact_whom ON do_not_contact (peer, coalesce(account_id, ''));

CREATE TABLE campaigns (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    name        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('scheduled', 'running', 'paused', 'stopped', 'done')),
    reason      TEXT,                         -- why it is paused or was ended early, a machine code
    kind        TEXT NOT NULL,                -- of the message
    parcel      TEXT NOT NULL,                -- JSON, with {{ names }} to fill in
    quiet_from  TEXT NOT NULL,                -- HH:MM of the zone
    quiet_to    TEXT NOT NULL,
    time_zone   TEXT NOT NULL,
    per_hour    INTEGER NOT NULL,
    gap_low_ms  INTEGER NOT NULL,
    gap_high_ms INTEGER NOT NULL,
    starts_ms   INTEGER NOT NULL,
    expires_ms  INTEGER,
    next_ms     INTEGER NOT NULL,             -- nobody is handed out before
    failures    INTEGER NOT NULL DEFAULT 0,   -- in a row
    request_id  TEXT,
    created_ms  INTEGER NOT NULL,
    created_by  TEXT NOT NULL,
    ended_ms    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX campaigns_ended ON campaigns (ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE campaign_recipients (
    campaign_id TEXT NOT NULL,
    place       INTEGER NOT NULL,             -- in the order they were given
    peer        TEXT NOT NULL,
    variables   TEXT NOT NULL,                -- JSON
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'queued', 'sent', 'failed', 'unknown', 'skipped', 'cancelled')),
    reason      TEXT,
    batch       TEXT,                         -- of its sends
    send_id     TEXT,                         -- the first of them
    handed_ms   INTEGER,                      -- when it went into the outbox
    PRIMARY KEY (campaign_id, place)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX campaign_recipients_peer ON campaign_recipients (campaign_id, peer);  -- nobody twice
CREATE INDEX campaign_recipients_state ON campaign_recipients (campaign_id, state, place);
CREATE INDEX campaign_recipients_handed ON campaign_recipients (campaign_id, handed_ms) WHERE handed_ms IS NOT NULL;
CREATE INDEX campaign_recipients_batch ON campaign_recipients (batch) WHERE batch IS NOT NULL;

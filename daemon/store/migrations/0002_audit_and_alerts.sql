-- What was done by whom; each row's hash covers the row and the hash before it.
CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    at_ms      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    role       TEXT NOT NULL,
    source     TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    detail     TEXT NOT NULL,
    request_id TEXT,
    hash       BLOB NOT NULL
) STRICT;

-- Where the chain begins after retention took a closed piece of it away.
CREATE TABLE audit_pruned (
    seq       INTEGER PRIMARY KEY,            -- the last row that was taken away
    hash      BLOB NOT NULL,
    pruned_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE alerts (
    id          TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    service     TEXT NOT NULL,
    type        TEXT NOT NULL,
    severity    TEXT NOT NULL,
    code        TEXT NOT NULL,
    facts       TEXT NOT NULL,
    account_id  TEXT,
    raised_ms   INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL,
    count       INTEGER NOT NULL DEFAULT 1,
    resolved_ms INTEGER,
    resolved_by TEXT,
    read_ms     INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX alerts_open ON alerts (fingerprint) WHERE resolved_ms IS NULL;
CREATE INDEX alerts_resolved ON alerts (resolved_ms) WHERE resolved_ms IS NOT NULL;

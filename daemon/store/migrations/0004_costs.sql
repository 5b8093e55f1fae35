-- Money, points and what a quota measures are integer millionths; tokens, acts and calls of a charge are plain numbers.

CREATE TABLE prices (
    id              TEXT PRIMARY KEY,
    provider        TEXT NOT NULL,
    model           TEXT NOT NULL,            -- an app, a model or an act; '*': all that have no price of their own
    point_micro     INTEGER NOT NULL,         -- money for one point
    input_micro     INTEGER NOT NULL,         -- … for 1,000 input tokens
    output_micro    INTEGER NOT NULL,
    embedding_micro INTEGER NOT NULL,
    act_micro       INTEGER NOT NULL,         -- … for one act or send
    valid_from_ms   INTEGER NOT NULL,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    UNIQUE (provider, model, valid_from_ms)
) STRICT, WITHOUT ROWID;

-- GeWe is paid by account and month; what is done with an account costs nothing more until somebody says otherwise.
INSERT INTO prices (id, provider, model, point_micro, input_micro, output_micro, embedding_micro, act_micro, valid_from_ms, created_ms, updated_ms, version)
VALUES ('00000000-0000-7000-8000-000000000001', 'gewe', '*', 0, 0, 0, 0, 0, 0, 0, 0, 1);

-- One row a chargeable call. While it is reserved, its units are the estimate.
CREATE TABLE charges (
    id               TEXT PRIMARY KEY,
    ref              TEXT NOT NULL UNIQUE,    -- what it was for: one attempt, one send, one act
    kind             TEXT NOT NULL CHECK (kind IN ('workflow', 'act', 'send')),
    provider         TEXT NOT NULL,
    model            TEXT NOT NULL,
    account_id       TEXT,
    workflow_id      TEXT,
    contact          TEXT,
    rule_id          TEXT,
    key_id           TEXT,
    request_id       TEXT,
    state            TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'released')),
    usage_known      INTEGER NOT NULL,        -- 0: settled at its estimate
    price_id         TEXT,                    -- NULL: nobody said what it costs
    points_micro     INTEGER NOT NULL,
    input_tokens     INTEGER NOT NULL,
    output_tokens    INTEGER NOT NULL,
    embedding_tokens INTEGER NOT NULL,
    acts             INTEGER NOT NULL,
    estimate_micro   INTEGER NOT NULL,
    cost_micro       INTEGER NOT NULL,        -- 0 until it is settled
    day              TEXT NOT NULL,           -- YYYY-MM-DD where the operator is
    created_ms       INTEGER NOT NULL,
    settled_ms       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX charges_created ON charges (created_ms, id);
CREATE INDEX charges_open ON charges (created_ms) WHERE state = 'reserved';
CREATE INDEX charges_known ON charges (workflow_id, id) WHERE state = 'settled' AND usage_known = 1 AND kind = 'workflow';

CREATE TABLE quotas (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    scope      TEXT NOT NULL CHECK (scope IN ('global', 'account', 'workflow', 'contact', 'rule', 'key')),
    scope_id   TEXT NOT NULL,                 -- '*': each one of that kind by itself
    kind       TEXT CHECK (kind IN ('workflow', 'act', 'send')),  -- of the charges it counts; NULL: all
    period     TEXT NOT NULL CHECK (period IN ('day', 'month')),
    time_zone  TEXT NOT NULL,
    measure    TEXT NOT NULL CHECK (measure IN ('cost', 'points', 'tokens', 'calls')),
    cap_micro  INTEGER NOT NULL CHECK (cap_micro >= 0),
    hard       INTEGER NOT NULL,              -- 0: it only warns
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX quotas_scope ON quotas (scope, scope_id);

CREATE TABLE quota_windows (
    quota_id TEXT NOT NULL,
    scope_id TEXT NOT NULL,                   -- the one account, contact, …; '*' of a global quota
    start_ms INTEGER NOT NULL,
    end_ms   INTEGER NOT NULL,
    debt     INTEGER NOT NULL,                -- what the window before overshot
    used     INTEGER NOT NULL DEFAULT 0,
    reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    told     INTEGER NOT NULL DEFAULT 0,      -- the highest percentage an open alert tells of
    refused  INTEGER NOT NULL DEFAULT 0,      -- calls
    PRIMARY KEY (quota_id, scope_id, start_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX quota_windows_told ON quota_windows (end_ms) WHERE told > 0;
CREATE INDEX quota_windows_end ON quota_windows (end_ms);

-- Which windows a charge counts in, and with how much: reserved, then used.
CREATE TABLE charge_holds (
    charge_id TEXT NOT NULL,
    quota_id  TEXT NOT NULL,
    scope_id  TEXT NOT NULL,
    start_ms  INTEGER NOT NULL,
    amount    INTEGER NOT NULL,
    PRIMARY KEY (charge_id, quota_id)
) STRICT, WITHOUT ROWID;

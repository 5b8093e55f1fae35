-- Times are integer milliseconds since 1970, UTC. Ids of ours are UUIDv7 text, foreign ids are text.
-- Points and money are integer millionths. JSON is text.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workflows (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    provider      TEXT NOT NULL,
    base_url      TEXT NOT NULL,
    key           BLOB NOT NULL,              -- sealed
    app_id        TEXT,
    endpoint      TEXT NOT NULL,
    stream        INTEGER NOT NULL,
    memory        TEXT NOT NULL CHECK (memory IN ('daemon', 'service')),
    system_prompt TEXT,
    variables     TEXT NOT NULL,
    timeout_ms    INTEGER NOT NULL,
    fallback_id   TEXT REFERENCES workflows (id),
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL,
    version       INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    id             TEXT PRIMARY KEY,
    app_id         TEXT NOT NULL UNIQUE,
    wxid           TEXT,
    name           TEXT NOT NULL,
    product        TEXT NOT NULL CHECK (product IN ('hosted', 'self_hosted')),
    base_url       TEXT NOT NULL,
    token          BLOB NOT NULL,             -- sealed
    callback_group TEXT NOT NULL,             -- accounts of one GeWe token share one callback URL
    state          TEXT NOT NULL CHECK (state IN ('new', 'qr_pending', 'online', 'reconnecting', 'offline', 'suspended', 'logged_out')),
    state_reason   TEXT,
    workflow_id    TEXT REFERENCES workflows (id),
    policy         TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    version        INTEGER NOT NULL
) STRICT;

CREATE TABLE callback_keys (
    hash           BLOB PRIMARY KEY,          -- SHA-256 of the secret in the path
    callback_group TEXT NOT NULL,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER                    -- set when a newer one replaces it
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
    id              TEXT PRIMARY KEY,
    account_id      TEXT NOT NULL REFERENCES accounts (id),
    peer            TEXT NOT NULL,
    name            TEXT,
    muted           INTEGER NOT NULL DEFAULT 0,
    held_until_ms   INTEGER,
    held_by         TEXT,
    created_ms      INTEGER NOT NULL,
    last_message_ms INTEGER NOT NULL,
    version         INTEGER NOT NULL DEFAULT 1,
    UNIQUE (account_id, peer)
) STRICT, WITHOUT ROWID;

-- Every delivery ever seen, longer than the messages themselves: GeWe repeats hours or a day later.
CREATE TABLE dedupe (
    seq        INTEGER PRIMARY KEY,           -- oldest first, for retention
    key        TEXT NOT NULL UNIQUE,
    first_ms   INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE messages (
    id              TEXT PRIMARY KEY,
    account_id      TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    wechat_id       TEXT,
    sender          TEXT NOT NULL,
    nickname        TEXT,
    origin          TEXT NOT NULL,
    kind            TEXT NOT NULL,
    text            TEXT NOT NULL,
    content         TEXT NOT NULL,
    standing        TEXT NOT NULL CHECK (standing IN ('pending', 'answered', 'kept')),
    reason          TEXT,
    turn_id         TEXT,
    sequence        INTEGER NOT NULL,
    sent_ms         INTEGER NOT NULL,
    received_ms     INTEGER NOT NULL,
    request_id      TEXT,
    raw             BLOB
) STRICT;
CREATE INDEX messages_conversation ON messages (conversation_id, id);
CREATE INDEX messages_pending ON messages (conversation_id, id) WHERE standing = 'pending';

-- Callbacks that are not messages: account signals, contact changes, and what nobody knows.
CREATE TABLE callback_events (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    detail      TEXT NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;

-- A few samples of bodies that could not be read, bounded in number and size.
CREATE TABLE quarantine (
    id          TEXT PRIMARY KEY,
    reason      TEXT NOT NULL,
    body        BLOB NOT NULL,
    received_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE turns (
    id               TEXT PRIMARY KEY,
    conversation_id  TEXT NOT NULL,
    account_id       TEXT NOT NULL,
    workflow_id      TEXT,
    state            TEXT NOT NULL CHECK (state IN ('asking', 'answered', 'skipped', 'failed')),
    question         TEXT NOT NULL,
    answer           TEXT,
    error            TEXT,
    detail           TEXT,
    nodes            TEXT NOT NULL DEFAULT '[]',
    input_tokens     INTEGER NOT NULL DEFAULT 0,
    output_tokens    INTEGER NOT NULL DEFAULT 0,
    embedding_tokens INTEGER NOT NULL DEFAULT 0,
    points_micro     INTEGER NOT NULL DEFAULT 0,
    usage_known      INTEGER NOT NULL DEFAULT 0,
    attempts         INTEGER NOT NULL DEFAULT 0,
    duration_ms      INTEGER,
    request_id       TEXT,
    created_ms       INTEGER NOT NULL,
    ended_ms         INTEGER
) STRICT;
CREATE INDEX turns_conversation ON turns (conversation_id, id);

CREATE TABLE sends (
    id              TEXT PRIMARY KEY,
    account_id      TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    peer            TEXT NOT NULL,
    text            TEXT NOT NULL,
    mentions        TEXT NOT NULL,
    origin          TEXT NOT NULL,
    turn_id         TEXT,
    batch           TEXT NOT NULL,
    part            INTEGER NOT NULL,
    parts           INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('queued', 'waiting', 'sending', 'sent', 'failed', 'unknown', 'cancelled', 'expired', 'revoked')),
    error           TEXT,
    detail          TEXT,
    attempts        INTEGER NOT NULL DEFAULT 0,
    epoch           INTEGER NOT NULL DEFAULT 0,   -- of the process that is sending it
    not_before_ms   INTEGER,
    expires_ms      INTEGER NOT NULL,
    created_ms      INTEGER NOT NULL,
    started_ms      INTEGER,
    ended_ms        INTEGER,
    wechat_id       TEXT,
    message_number  TEXT,
    wechat_time     INTEGER,
    parent_id       TEXT,
    request_id      TEXT,
    actor           TEXT
) STRICT;
CREATE INDEX sends_conversation ON sends (conversation_id, id);
CREATE INDEX sends_batch ON sends (batch);
CREATE INDEX sends_open ON sends (state, id) WHERE state IN ('queued', 'waiting', 'sending', 'unknown');

CREATE TABLE jobs (
    id           TEXT PRIMARY KEY,
    lane         TEXT NOT NULL,
    key          TEXT,
    args         BLOB NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('ready', 'running', 'done', 'dead', 'cancelled')),
    blocked      INTEGER NOT NULL DEFAULT 0,      -- 0: no earlier job of its lane and key is open; else its place in that line
    attempts     INTEGER NOT NULL DEFAULT 0,
    interrupted  INTEGER NOT NULL DEFAULT 0,
    parked       INTEGER NOT NULL DEFAULT 0,      -- running, and only waiting in memory: a crash is not its doing
    epoch        INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,                -- or when it was to begin, where that is later
    started_ms   INTEGER,
    ended_ms     INTEGER,
    unique_key   TEXT,
    rerun        INTEGER NOT NULL DEFAULT 0,
    rerun_due_ms INTEGER,
    last_error   TEXT,
    request_id   TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (lane, due_ms, id) WHERE state = 'ready' AND blocked = 0;
CREATE INDEX jobs_line ON jobs (lane, key, blocked) WHERE state IN ('ready', 'running') AND key IS NOT NULL;
CREATE UNIQUE INDEX jobs_head ON jobs (lane, key) WHERE state = 'running' AND key IS NOT NULL;  -- one at a time, whatever the code does
CREATE UNIQUE INDEX jobs_unique ON jobs (lane, unique_key) WHERE state IN ('ready', 'running') AND unique_key IS NOT NULL;
CREATE INDEX jobs_running ON jobs (epoch) WHERE state = 'running';
CREATE INDEX jobs_ended ON jobs (state, ended_ms) WHERE state IN ('done', 'dead', 'cancelled');

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,            -- public, part of the key's text
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    hash         BLOB NOT NULL,               -- HMAC-SHA256 of the secret part
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER,
    revoked_ms   INTEGER,
    last_used_ms INTEGER,
    created_by   TEXT NOT NULL
) STRICT;

CREATE TABLE idempotency (
    actor       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,                -- SHA-256 of method, path and body
    status      INTEGER,                      -- NULL while the first call is still running
    body        BLOB,
    headers     TEXT,
    epoch       INTEGER NOT NULL,             -- a call that an older process left running is free again
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_ms);

CREATE TABLE levels (
    name   TEXT PRIMARY KEY,                  -- of a limiter
    tokens REAL NOT NULL,
    at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

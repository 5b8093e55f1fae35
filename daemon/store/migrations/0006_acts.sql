-- What an account does besides sending messages. Written before the call; a row leaves `doing` once.
CREATE TABLE acts (
    id         TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    target     TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('doing', 'done', 'failed', 'refused', 'unknown')),
    error      TEXT,
    detail     TEXT,
    epoch      INTEGER NOT NULL,              -- of the process that does it
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    counts_ms  INTEGER,                       -- what the budgets count it by: its start, then its end; NULL: surely nothing was done
    gap_ms     INTEGER NOT NULL,              -- drawn for the next act of its kind
    actor      TEXT NOT NULL,
    request_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX acts_budget ON acts (account_id, kind, counts_ms) WHERE counts_ms IS NOT NULL;
CREATE INDEX acts_open ON acts (state, id) WHERE state IN ('doing', 'unknown');

-- Budgets that an operator set; without a row the usual one holds.
CREATE TABLE act_budgets (
    account_id   TEXT NOT NULL,
    kind         TEXT NOT NULL,
    per_hour     INTEGER NOT NULL,
    per_day      INTEGER NOT NULL,
    gap_low_ms   INTEGER NOT NULL,
    gap_high_ms  INTEGER NOT NULL,
    days_online  INTEGER NOT NULL,
    set_by       TEXT NOT NULL,
    set_ms       INTEGER NOT NULL,
    PRIMARY KEY (account_id, kind)
) STRICT, WITHOUT ROWID;

-- What GeWe said of people, official accounts and rooms. It can all be asked for again.
CREATE TABLE contacts (
    account_id TEXT NOT NULL,
    wxid       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('friend', 'room', 'official')),
    words      TEXT NOT NULL,                 -- what a search looks through, case folded
    brief      TEXT,                          -- JSON; NULL until it was read
    read_ms    INTEGER,                       -- when
    listed_ms  INTEGER NOT NULL,              -- when the address book or a callback last named it
    PRIMARY KEY (account_id, wxid)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_books (
    account_id  TEXT PRIMARY KEY,
    listed_ms   INTEGER,                      -- when the address book was last read
    error       TEXT,                         -- why the last try did not read it
    tried_ms    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
    account_id TEXT NOT NULL,
    wxid       TEXT NOT NULL,
    room       TEXT NOT NULL,                 -- JSON, with its members
    read_ms    INTEGER NOT NULL,
    PRIMARY KEY (account_id, wxid)
) STRICT, WITHOUT ROWID;

CREATE TABLE friend_requests (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    wxid        TEXT NOT NULL,
    nickname    TEXT NOT NULL,
    greeting    TEXT NOT NULL,                -- what they wrote
    user_ticket TEXT NOT NULL,
    ticket      TEXT NOT NULL,
    scene       INTEGER NOT NULL,
    room        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'accepting', 'accepted', 'rejected', 'failed', 'unknown')),
    error       TEXT,
    by_rule     INTEGER NOT NULL DEFAULT 0,   -- the account's policy wants it accepted
    remark      TEXT,                         -- still to be given to them; NULL: none, or done
    received_ms INTEGER NOT NULL,
    decided_ms  INTEGER,
    decided_by  TEXT,
    request_id  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX friend_requests_account ON friend_requests (account_id, id);
CREATE INDEX friend_requests_open ON friend_requests (state, id) WHERE state IN ('waiting', 'accepting');

-- Where a key may be used and for which accounts, its older secret for a while, console sessions, who is locked out.

ALTER TABLE keys ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';    -- JSON: address ranges; empty: from anywhere
ALTER TABLE keys ADD COLUMN accounts TEXT;                          -- JSON: the only accounts it may touch; NULL: all
ALTER TABLE keys ADD COLUMN old_hash BLOB;                          -- of the secret before the last rotation
ALTER TABLE keys ADD COLUMN old_until_ms INTEGER;                   -- that one works until then
ALTER TABLE keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE keys ADD COLUMN expiry_told INTEGER NOT NULL DEFAULT 0; -- 1: the audit log has it that this key expired

-- Where a key was used well: there it is not locked out, whoever guesses at it elsewhere.
CREATE TABLE key_places (
    key_id  TEXT NOT NULL REFERENCES keys (id),
    place   TEXT NOT NULL,                    -- an IPv4 address, an IPv6 /64, or unix
    used_ms INTEGER NOT NULL,
    PRIMARY KEY (key_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash        BLOB PRIMARY KEY,             -- HMAC-SHA256 of what the cookie holds
    key_id      TEXT NOT NULL REFERENCES keys (id),
    key_version INTEGER NOT NULL,             -- a key that was changed since has no sessions
    created_ms  INTEGER NOT NULL,
    used_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_key ON sessions (key_id, created_ms);

-- One row a ban, not one a wrong key: an attack must not fill the store.
CREATE TABLE lockouts (
    kind     TEXT NOT NULL CHECK (kind IN ('address', 'key')),
    name     TEXT NOT NULL,
    bans     INTEGER NOT NULL,                -- so far: each is twice as long as the one before
    until_ms INTEGER NOT NULL,
    ended    INTEGER NOT NULL DEFAULT 0,      -- 1: the audit log has its end
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX lockouts_until ON lockouts (ended, until_ms);

ALTER TABLE accounts ADD COLUMN online_since_ms INTEGER;          -- when it was first seen online
ALTER TABLE accounts ADD COLUMN relogin INTEGER NOT NULL DEFAULT 1;
UPDATE accounts SET online_since_ms = updated_ms WHERE state = 'online';

-- How an account was last logged in, and the login under way.
CREATE TABLE logins (
    id         TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    method     TEXT NOT NULL CHECK (method IN ('qr', 'push')),
    region     TEXT,
    proxy      BLOB NOT NULL,                 -- sealed, for it has a password; empty where there is none
    uuid       TEXT,                          -- NULL: none is under way
    began_by   TEXT NOT NULL,
    began_ms   INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How often the daemon tried to log an account in again since it was last online.
CREATE TABLE relogins (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    rounds     INTEGER NOT NULL,
    next_ms    INTEGER NOT NULL               -- the next round begins no earlier
) STRICT, WITHOUT ROWID;

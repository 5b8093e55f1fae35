-- Media that people sent: what is to be fetched, what was, and what became of it.
CREATE TABLE media (
    message_id      TEXT PRIMARY KEY,
    account_id      TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('image', 'voice', 'video', 'file')),
    state           TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'failed', 'dropped')),
    name            TEXT NOT NULL,             -- of a file, as its sender called it; shown, never a path
    url             TEXT,                      -- GeWe's
    url_ms          INTEGER,                   -- when GeWe gave it
    file            TEXT UNIQUE,               -- our copy's name below the state directory
    media_type      TEXT,
    size            INTEGER NOT NULL DEFAULT 0,
    sha256          TEXT,
    error           TEXT,
    created_ms      INTEGER NOT NULL,
    fetched_ms      INTEGER,
    CHECK ((state = 'ready') = (file IS NOT NULL)),
    CHECK (state <> 'ready' OR (fetched_ms IS NOT NULL AND sha256 IS NOT NULL AND media_type IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX media_account ON media (account_id, message_id);
CREATE INDEX media_waiting ON media (account_id) WHERE state = 'waiting';
CREATE INDEX media_ready ON media (fetched_ms, message_id, size) WHERE state = 'ready';

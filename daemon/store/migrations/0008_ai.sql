-- Which way a turn was answered when its first workflow did not, where its record is at the service, what a person thought.
ALTER TABLE turns ADD COLUMN degraded TEXT NOT NULL DEFAULT '' CHECK (degraded IN ('', 'fallback', 'sentence', 'silence'));
ALTER TABLE turns ADD COLUMN chat TEXT;            -- the service's chat of the last attempt
ALTER TABLE turns ADD COLUMN record TEXT;          -- the answer's name in that chat
ALTER TABLE turns ADD COLUMN feedback TEXT CHECK (feedback IN ('good', 'bad'));
CREATE INDEX turns_ended ON turns (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX turns_asking ON turns (conversation_id) WHERE state = 'asking';

-- Conversations whose chat at the service is not named after them any more: an abandoned question cannot be cancelled there.
CREATE TABLE chats (
    conversation TEXT PRIMARY KEY,
    chat         TEXT NOT NULL,
    used_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX chats_used ON chats (used_ms);

-- What a workflow waits for: one question a conversation.
CREATE TABLE pauses (
    conversation TEXT PRIMARY KEY,
    workflow_id  TEXT NOT NULL,
    chat         TEXT NOT NULL,                 -- to go on in
    record       TEXT NOT NULL,                 -- the answer that goes on
    speaker      TEXT NOT NULL,                 -- who was asked
    asked        TEXT NOT NULL,                 -- JSON: the question
    answers      TEXT NOT NULL,                 -- JSON: what was answered so far, by field
    wrong        INTEGER NOT NULL,              -- answers in a row that did not fit
    asked_ms     INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pauses_expires ON pauses (expires_ms);

CREATE TABLE batches (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    actor       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('running', 'stopped', 'done')),
    total       INTEGER NOT NULL,
    request_id  TEXT,
    created_ms  INTEGER NOT NULL,
    ended_ms    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_ended ON batches (ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE batch_items (
    batch_id         TEXT NOT NULL REFERENCES batches (id),
    position         INTEGER NOT NULL,
    ref              TEXT NOT NULL,             -- the caller's own name of it
    message          TEXT NOT NULL,
    variables        TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('queued', 'done', 'failed', 'cancelled')),
    answer           TEXT,
    error            TEXT,
    detail           TEXT,
    workflow_id      TEXT,                      -- that answered, or was asked last
    attempts         INTEGER NOT NULL DEFAULT 0,
    input_tokens     INTEGER NOT NULL DEFAULT 0,
    output_tokens    INTEGER NOT NULL DEFAULT 0,
    embedding_tokens INTEGER NOT NULL DEFAULT 0,
    points_micro     INTEGER NOT NULL DEFAULT 0,
    usage_known      INTEGER NOT NULL DEFAULT 0,
    started_ms       INTEGER,
    ended_ms         INTEGER,
    PRIMARY KEY (batch_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_items_state ON batch_items (batch_id, state);

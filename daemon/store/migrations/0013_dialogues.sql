-- Conversations of the chat API: the daemon's own, or what is on its way to Supabase and a copy of what has just gone there.
CREATE TABLE dialogues (
    id         TEXT PRIMARY KEY,              -- the caller's own name of it
    user_id    TEXT NOT NULL,                 -- whose it is: who wrote first; '': forgotten
    made_by    TEXT NOT NULL,                 -- key:…, uid:…
    chat       TEXT NOT NULL,                 -- its name at a service that remembers
    place      TEXT NOT NULL CHECK (place IN ('here', 'outgoing', 'copy')),
    purge      INTEGER NOT NULL DEFAULT 0,    -- 1: what Supabase has of it is still to be deleted there
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dialogues_used ON dialogues (used_ms);

CREATE TABLE dialogue_lines (
    id          TEXT PRIMARY KEY,             -- in the order they were said
    dialogue_id TEXT NOT NULL REFERENCES dialogues (id),
    content     TEXT NOT NULL,
    is_user     INTEGER NOT NULL,
    workflow_id TEXT,                         -- of an answer: whose it is
    place       TEXT NOT NULL CHECK (place IN ('here', 'outgoing', 'copy')),
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX dialogue_lines_of ON dialogue_lines (dialogue_id, id);
CREATE INDEX dialogue_lines_outgoing ON dialogue_lines (dialogue_id, id) WHERE place = 'outgoing';
CREATE INDEX dialogue_lines_place ON dialogue_lines (place, id);

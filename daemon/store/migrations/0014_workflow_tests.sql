-- Tests of workflows: talks that touch nothing else, each its key's own, and gone half an hour after the last word.
CREATE TABLE workflow_tests (
    id            TEXT PRIMARY KEY,           -- test_ and twelve hexadecimal digits
    owner         TEXT NOT NULL,              -- whose it is: an actor's id
    workflow_id   TEXT NOT NULL,              -- may be gone by now
    workflow_name TEXT NOT NULL,              -- as it was called
    variables     TEXT NOT NULL,              -- JSON
    chat          TEXT NOT NULL,              -- the service's: a new one after each clearing
    pause         TEXT,                       -- JSON: what the workflow asks back
    created_ms    INTEGER NOT NULL,
    active_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX workflow_tests_active ON workflow_tests (active_ms);
CREATE INDEX workflow_tests_owner ON workflow_tests (owner, active_ms);

CREATE TABLE workflow_test_lines (
    id      TEXT PRIMARY KEY,
    test_id TEXT NOT NULL REFERENCES workflow_tests (id) ON DELETE CASCADE,
    role    TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
    text    TEXT NOT NULL,
    run     TEXT,                             -- JSON: what an answer of the assistant shows of the run
    size    INTEGER NOT NULL,                 -- characters of both
    at_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX workflow_test_lines_of ON workflow_test_lines (test_id, id);

-- Every call of an n8n webhook, those that needed no run of their own included.
CREATE TABLE webhook_calls (
    seq         INTEGER PRIMARY KEY,          -- in the order they were written
    id          TEXT NOT NULL UNIQUE,
    call_id     TEXT NOT NULL,                -- what n8n was told, if it was: the same for each attempt at one thing
    webhook_id  TEXT NOT NULL,
    task_type   TEXT NOT NULL,
    session_id  TEXT NOT NULL,
    via         TEXT NOT NULL CHECK (via IN ('api', 'workflow', 'test')),
    served      TEXT NOT NULL CHECK (served IN ('run', 'shared', 'cache')),  -- by a run of its own, another's, or none
    outcome     TEXT NOT NULL CHECK (outcome IN ('answered', 'failed', 'unknown', 'refused')),
    request     TEXT NOT NULL,                -- JSON, shortened and masked, as is the response
    response    TEXT,                         -- NULL: there was none
    status      INTEGER,                      -- HTTP's; NULL: no answer came
    attempts    INTEGER NOT NULL,             -- 0: n8n was not asked
    duration_ms INTEGER NOT NULL,
    error       TEXT,                         -- its code; NULL: it was answered
    detail      TEXT,
    actor       TEXT NOT NULL,
    request_id  TEXT,
    created_ms  INTEGER NOT NULL              -- when it ended
) STRICT;
CREATE INDEX webhook_calls_call ON webhook_calls (call_id);
CREATE INDEX webhook_calls_task ON webhook_calls (task_type, id);
CREATE INDEX webhook_calls_session ON webhook_calls (session_id, id);
CREATE INDEX webhook_calls_failed ON webhook_calls (outcome, id) WHERE outcome <> 'answered';
CREATE INDEX webhook_calls_sums ON webhook_calls (webhook_id, created_ms, served, outcome, duration_ms);

-- n8n runs on its owner's machine, and the models it asks are paid elsewhere: nothing until somebody says otherwise.
INSERT INTO prices (id, provider, model, point_micro, input_micro, output_micro, embedding_micro, act_micro, valid_from_ms, created_ms, updated_ms, version)
VALUES ('00000000-0000-7000-8000-000000000002', 'n8n', '*', 0, 0, 0, 0, 0, 0, 0, 0, 1);

-- Webhooks of n8n; workflows that run through one of them, or on a plain model; when a person is wanted.
CREATE TABLE webhooks (
    id            TEXT PRIMARY KEY,
    task_type     TEXT NOT NULL,
    name          TEXT NOT NULL,
    url           TEXT NOT NULL,
    method        TEXT NOT NULL CHECK (method IN ('POST', 'PUT', 'PATCH', 'GET')),
    auth_kind     TEXT NOT NULL CHECK (auth_kind IN ('none', 'basic', 'header', 'jwt')),
    auth_name     TEXT NOT NULL,
    auth_secret   BLOB,                       -- sealed
    signing_keys  BLOB,                       -- sealed: a JSON list
    timeout_ms    INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    retry_base_ms INTEGER NOT NULL,
    retry_cap_ms  INTEGER NOT NULL,
    repeat        INTEGER NOT NULL,           -- 1: also where the workflow may have run
    cache_ttl_ms  INTEGER,                    -- NULL: not cached
    cache_shared  INTEGER NOT NULL,           -- 1: one answer for every session
    output        TEXT NOT NULL,
    at_once       INTEGER NOT NULL,
    api_url       TEXT,                       -- n8n's public API, if there is a key to it
    api_key       BLOB,                       -- sealed
    api_workflow  TEXT,
    is_active     INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL,
    version       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX webhooks_active ON webhooks (task_type) WHERE is_active = 1;

ALTER TABLE workflows ADD COLUMN model TEXT;                                    -- of a plain model
ALTER TABLE workflows ADD COLUMN webhook_id TEXT REFERENCES webhooks (id);      -- n8n
ALTER TABLE workflows ADD COLUMN handover TEXT NOT NULL DEFAULT '{}';           -- JSON: by what it asks for a person

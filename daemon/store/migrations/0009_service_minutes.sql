-- How the services behind us did, by the minute.
CREATE TABLE service_minutes (
    service    TEXT NOT NULL,
    minute_ms  INTEGER NOT NULL,              -- when it began
    calls      INTEGER NOT NULL,
    failures   INTEGER NOT NULL,
    total_ms   INTEGER NOT NULL,              -- of all calls together
    slowest_ms INTEGER NOT NULL,
    last_error TEXT,
    PRIMARY KEY (service, minute_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX service_minutes_age ON service_minutes (minute_ms);

-- Extensions that were executing when a runner crashed, by content hash.
CREATE TABLE extension_crash (
    content_hash TEXT NOT NULL PRIMARY KEY,
    crashes BIGINT NOT NULL,
    last_at_ms BIGINT NOT NULL,
    quarantines BIGINT NOT NULL,
    quarantined_until_ms BIGINT NOT NULL,
    changed_at_ms BIGINT NOT NULL
);

CREATE INDEX extension_crash_change ON extension_crash (changed_at_ms);

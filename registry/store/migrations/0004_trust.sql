-- The registry's signed word about each version, and what is no longer believed.
ALTER TABLE extension_version ADD COLUMN receipt TEXT;

-- Signed lists, oldest first; the newest counts. Kept, so that an audit can tell what was believed when.
CREATE TABLE extension_revocation (
    epoch BIGINT PRIMARY KEY,
    envelope TEXT NOT NULL,
    taken_at_ms BIGINT NOT NULL
);

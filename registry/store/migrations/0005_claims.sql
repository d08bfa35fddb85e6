-- A bundle on its way: claimed before its bytes are put, released by the version that refers to them. What stays claimed for long has no version, and is collected:
-- first marked, then removed, then forgotten. While it is marked, nobody can claim it.
CREATE TABLE extension_bundle_claim (
    content_hash TEXT PRIMARY KEY,
    claimed_at_ms BIGINT NOT NULL,
    collecting_since_ms BIGINT
);

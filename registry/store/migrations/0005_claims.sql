-- A bundle on its way: claimed before its bytes are put, released by the version that refers to them. What stays claimed for long has no version, and is collected:
-- first marked, then removed, then forgotten. While it is marked, nobody can claim it.
CREATE TABLE extension_bundle_claim (
    content_hash TEXT PRIMARY KEY,
    -- Another one each time that the claim is made anew: whoever claimed before a collection finds that it is not theirs any more.
    claim_id TEXT NOT NULL,
    claimed_at_ms BIGINT NOT NULL,
    collecting_since_ms BIGINT
);

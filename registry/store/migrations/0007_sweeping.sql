-- What expired or was deleted goes after a while. `revision_floor`: the highest revision of a key of the namespace that nobody remembers any
-- more; new keys begin above it. `next_expiry_ms`: when something is due, at the earliest; 0, which is due at once, counts a namespace anew.
ALTER TABLE ext_storage_usage ADD COLUMN revision_floor BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ext_storage_usage ADD COLUMN next_expiry_ms BIGINT NOT NULL DEFAULT 0;

-- Policies bind the owner, too: what 0007 did for the rows of every tenant found none here.
ALTER TABLE ext_storage_records NO FORCE ROW LEVEL SECURITY;
UPDATE ext_storage_records SET expires_at_ms = 0 WHERE is_deleted = 1;
ALTER TABLE ext_storage_records FORCE ROW LEVEL SECURITY;

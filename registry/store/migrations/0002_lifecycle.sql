-- Upgrades that wait for consent, what was installed before, and a log of every change that nobody can rewrite unseen.
ALTER TABLE tenant_extension_install ADD COLUMN pending_version_id TEXT;
ALTER TABLE tenant_extension_install ADD COLUMN previous_version_id TEXT;
ALTER TABLE tenant_extension_install ADD COLUMN previous_grants TEXT;
-- Why a version should not be chosen any more; none when it may.
ALTER TABLE extension_version ADD COLUMN deprecation TEXT;

-- Append-only; each hash covers the entry and the hash before it. An empty tenant: the change is no tenant's.
CREATE TABLE extension_audit_log (
    sequence BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- One row: the end of the chain. Whoever appends takes it first, so that entries have one order.
CREATE TABLE extension_audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO extension_audit_head (id, sequence, hash) VALUES (1, 0, '');

-- The last round of usage that each process wrote for a tenant. A process that does not know whether a round was written repeats it, and it
-- is added once.
CREATE TABLE extension_quota_settlement (
    tenant_id TEXT NOT NULL,
    writer TEXT NOT NULL,
    round BIGINT NOT NULL,
    settled_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, writer)
);

CREATE INDEX extension_quota_settlement_age ON extension_quota_settlement (settled_at_ms);

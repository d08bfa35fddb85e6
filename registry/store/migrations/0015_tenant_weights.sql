-- Shares of tenants in the processors. A row without a weight replaces one that was removed, so that runners learn of the removal.
CREATE TABLE extension_tenant_weight (
    tenant_id TEXT PRIMARY KEY,
    weight BIGINT,
    set_by TEXT NOT NULL,
    changed_at_ms BIGINT NOT NULL
);

CREATE INDEX extension_tenant_weight_change ON extension_tenant_weight (changed_at_ms);

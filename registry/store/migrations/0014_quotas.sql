-- Limits of a tenant ('' as install) and of its installs per meter and period. A row without limits replaces one that was removed, so that
-- runners learn of the removal.
CREATE TABLE extension_quota (
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    meter TEXT NOT NULL,
    period TEXT NOT NULL,
    hard BIGINT,
    soft BIGINT,
    set_by TEXT NOT NULL,
    changed_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, install_id, meter, period)
);

CREATE INDEX extension_quota_change ON extension_quota (changed_at_ms);

-- What was used in each period, by install, and what runners hold or have used of a limited meter.
CREATE TABLE extension_quota_usage (
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    meter TEXT NOT NULL,
    period TEXT NOT NULL,
    starts_at_ms BIGINT NOT NULL,
    used BIGINT NOT NULL,
    leased BIGINT NOT NULL,
    last_lease BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, install_id, meter, period, starts_at_ms)
);

CREATE INDEX extension_quota_usage_age ON extension_quota_usage (period, starts_at_ms);

-- What a tenant allows an install beside capabilities: hosts, limits, and sealed secrets. Without a value: what the version's manifest says.
ALTER TABLE tenant_extension_install ADD COLUMN egress TEXT;
ALTER TABLE tenant_extension_install ADD COLUMN previous_egress TEXT;
ALTER TABLE tenant_extension_install ADD COLUMN limits TEXT;
-- Counts every change: who decides by what was read writes only if nothing changed since.
ALTER TABLE tenant_extension_install ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

CREATE TABLE tenant_extension_install_secrets (
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL REFERENCES tenant_extension_install (id),
    name TEXT NOT NULL,
    envelope TEXT NOT NULL,
    set_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, install_id, name)
);

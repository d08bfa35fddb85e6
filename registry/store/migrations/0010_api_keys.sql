-- Credentials of services; the secret is stored as its SHA-256. A key without a tenant is one of the platform.
CREATE TABLE extension_api_key (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('operator', 'publisher', 'tenant_administrator', 'tenant_viewer', 'caller')),
    names TEXT NOT NULL,
    access TEXT NOT NULL,
    label TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT,
    used_at_ms BIGINT
);

CREATE INDEX extension_api_key_of_tenant ON extension_api_key (tenant_id, id);

-- Publish, install, execute. Times are milliseconds since 1970; truth values are 0 and 1; one schema for SQLite and Postgres.
CREATE TABLE extension_registry (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    publisher TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

-- One content for each bundle, shared by all who use it.
CREATE TABLE extension_bundle (
    content_hash TEXT PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

-- Append-only: one content for each (extension, version), for ever.
CREATE TABLE extension_version (
    id TEXT PRIMARY KEY,
    extension_id TEXT NOT NULL REFERENCES extension_registry (id),
    version TEXT NOT NULL,
    content_hash TEXT NOT NULL REFERENCES extension_bundle (content_hash),
    manifest TEXT NOT NULL,
    capability_proof TEXT NOT NULL,
    signing_key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('published', 'yanked', 'revoked')),
    published_at_ms BIGINT NOT NULL,
    UNIQUE (extension_id, version)
);

CREATE TABLE tenant_extension_install (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    extension_id TEXT NOT NULL REFERENCES extension_registry (id),
    version_id TEXT NOT NULL REFERENCES extension_version (id),
    status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled', 'pending')),
    grants TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    UNIQUE (tenant_id, extension_id)
);

CREATE TABLE tenant_extension_install_config (
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL REFERENCES tenant_extension_install (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (tenant_id, install_id, name)
);

-- A deleted record stays as a tombstone, so that its revision is never used again. Keys are bytes: they sort the same everywhere.
CREATE TABLE ext_storage_records (
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    record_key BYTEA NOT NULL,
    value BYTEA NOT NULL,
    metadata BYTEA NOT NULL,
    revision BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    is_deleted BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, install_id, namespace, record_key)
);

CREATE TABLE ext_storage_usage (
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    key_count BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, install_id, namespace)
);

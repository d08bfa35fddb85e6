-- One execution for each idempotency key. A row without a response is being executed until its expiration; the digests are SHA-256, in
-- hexadecimal.
CREATE TABLE extension_idempotency (
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    key_digest TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    owner TEXT NOT NULL,
    status BIGINT,
    headers TEXT NOT NULL,
    body BYTEA NOT NULL,
    size_bytes BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, install_id, key_digest)
);

CREATE INDEX extension_idempotency_size ON extension_idempotency (tenant_id, install_id, expires_at_ms, size_bytes);
CREATE INDEX extension_idempotency_expiration ON extension_idempotency (expires_at_ms);

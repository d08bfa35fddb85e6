-- Executions that wrote something or failed, for the author. Bounded for each install in rows and bytes, and in time; ids rise with time.
CREATE TABLE extension_execution_log (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    version_id TEXT,
    content_hash TEXT NOT NULL,
    ended_at_ms BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    status BIGINT,
    code TEXT,
    log TEXT NOT NULL,
    log_dropped BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL
);
CREATE INDEX extension_execution_log_by_install ON extension_execution_log (tenant_id, install_id, id, size_bytes);

-- Method and path of the manifest at which an execution ran, and an index for the executions of all installs of a tenant.
ALTER TABLE extension_execution_log ADD COLUMN endpoint TEXT;
CREATE INDEX extension_execution_log_by_tenant ON extension_execution_log (tenant_id, id);

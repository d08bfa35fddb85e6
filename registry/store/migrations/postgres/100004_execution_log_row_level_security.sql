ALTER TABLE extension_execution_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_execution_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_execution_log USING (tenant_id = current_setting('alga.tenant', true));

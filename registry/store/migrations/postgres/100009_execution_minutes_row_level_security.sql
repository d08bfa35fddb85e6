ALTER TABLE extension_execution_minute ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_execution_minute FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_execution_minute USING (
    tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*'
);

ALTER TABLE extension_tenant_weight ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_tenant_weight FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_tenant_weight USING (
    tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*'
);

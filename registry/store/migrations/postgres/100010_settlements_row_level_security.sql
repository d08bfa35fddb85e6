ALTER TABLE extension_quota_settlement ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_quota_settlement FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_quota_settlement USING (
    tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*'
);

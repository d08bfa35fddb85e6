ALTER TABLE extension_quota ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_quota FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_quota USING (
    tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*'
);

ALTER TABLE extension_quota_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_quota_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_quota_usage USING (
    tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*'
);

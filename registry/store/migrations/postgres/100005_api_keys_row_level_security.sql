-- The platform's own keys have an empty tenant, which is also the setting of a session after a transaction: they are visible to the operator's
-- work across tenants alone.
ALTER TABLE extension_api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_api_key USING (
    (tenant_id <> '' AND tenant_id = current_setting('alga.tenant', true)) OR current_setting('alga.tenant', true) = '*'
);

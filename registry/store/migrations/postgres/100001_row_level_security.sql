-- A statement that forgets its tenant finds nothing. The tenant of a transaction is in the setting alga.tenant; `*`, which is no tenant's
-- name, is the operator's own work across tenants. FORCE binds the tables' owner, too.
ALTER TABLE tenant_extension_install ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_extension_install FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_extension_install
    USING (tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*');

ALTER TABLE tenant_extension_install_config ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_extension_install_config FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_extension_install_config
    USING (tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*');

ALTER TABLE ext_storage_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE ext_storage_records FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ext_storage_records USING (tenant_id = current_setting('alga.tenant', true));

ALTER TABLE ext_storage_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE ext_storage_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON ext_storage_usage USING (tenant_id = current_setting('alga.tenant', true));

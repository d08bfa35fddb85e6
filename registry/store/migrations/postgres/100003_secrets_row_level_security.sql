ALTER TABLE tenant_extension_install_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_extension_install_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_extension_install_secrets
    USING (tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*');

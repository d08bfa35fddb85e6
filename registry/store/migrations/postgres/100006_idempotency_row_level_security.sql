ALTER TABLE extension_idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE extension_idempotency FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON extension_idempotency
    USING (tenant_id = current_setting('alga.tenant', true) OR current_setting('alga.tenant', true) = '*');

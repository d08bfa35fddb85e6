CREATE FUNCTION extension_audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER extension_audit_log_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON extension_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION extension_audit_log_is_append_only();

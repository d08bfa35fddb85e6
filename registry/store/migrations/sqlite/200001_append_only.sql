CREATE TRIGGER extension_audit_log_is_not_changed BEFORE UPDATE ON extension_audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER extension_audit_log_is_not_shortened BEFORE DELETE ON extension_audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

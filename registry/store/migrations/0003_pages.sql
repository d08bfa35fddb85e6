-- Lists go by age, a page at a time.
CREATE INDEX extension_version_by_age ON extension_version (extension_id, id);
CREATE INDEX tenant_extension_install_by_age ON tenant_extension_install (tenant_id, id);

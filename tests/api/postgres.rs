//! Guarantees that only Postgres gives. `cargo xtask test` runs these tests against it; on SQLite
//! they check nothing.

use alga_harness::{TestPlatform, query};
use alga_store::{Database, StoreError};

#[tokio::test]
async fn a_statement_without_a_tenant_finds_no_rows_on_postgres() {
    let world = TestPlatform::new().await;
    let Some(url) = world.database_url() else { return };
    world.with_guest("answers_ok", &[]).await;
    for (tenant, seen) in [
        ("", "0"),
        ("SET alga.tenant = 'acme';", "1"),
        ("SET alga.tenant = 'other';", "0"),
        ("SET alga.tenant = '*';", "1"),
    ] {
        assert_eq!(
            query(url, &format!("{tenant} SELECT COUNT(*) FROM tenant_extension_install")),
            seen,
            "{tenant}"
        );
    }
    // Rows of another tenant cannot be written either.
    let accepted = query(
        url,
        "SET alga.tenant = 'other'; UPDATE tenant_extension_install SET tenant_id = 'other' RETURNING 1",
    );
    assert_eq!(accepted, "");
}

#[tokio::test]
async fn row_level_security_is_forced_on_all_tables_with_a_tenant() {
    let world = TestPlatform::new().await;
    let Some(url) = world.database_url() else { return };
    let open = "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                WHERE c.relkind = 'r' AND a.attname = 'tenant_id' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    assert_eq!(query(url, open), "");
}

#[tokio::test]
async fn a_database_user_that_bypasses_row_level_security_is_refused() {
    let world = TestPlatform::new().await;
    let Some(url) = world.database_url() else { return };
    let superuser = url.replace("//alga@", "//postgres@");
    assert!(matches!(
        Database::open_postgres(&superuser).await.err(),
        Some(StoreError::Unbound)
    ));
}

//! Guarantees that only Postgres gives. `cargo xtask test` runs these tests against it; on SQLite
//! they check nothing.

use alga_auth::PrincipalKind;
use alga_bundle::InstallStatus;
use alga_harness::{TestPlatform, query};
use alga_registry_types::{KeyRequest, Page, create_key, keys};
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

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_another_process_are_effective_when_they_are_notified() {
    let world = TestPlatform::new().await;
    let Some(url) = world.database_url() else { return };
    let install = world.install_guest("answers_ok", &[]).await;
    let other = Database::open_postgres(url).await.unwrap();
    let row = other
        .find_install(&install.tenant_id, install.id.as_str())
        .await
        .unwrap();
    let key = KeyRequest {
        kind: PrincipalKind::Operator,
        label: "other".to_owned(),
        names: [].into(),
        access: None,
        lifetime_seconds: None,
    };
    let key = world.operate(&create_key(None, &key)).await.ok();
    let list = keys(None, &Page::default());
    let changed = async {
        assert_eq!(world.get("com.example.answers-ok/").await.status, 200);
        assert_eq!(world.operate_as(&key.secret, &list).await.status, 200);
        other
            .set_install_status(&row.unwrap(), InstallStatus::Disabled)
            .await
            .unwrap();
        other.revoke_api_key(None, &key.key.id).await.unwrap();
        while world.get("com.example.answers-ok/").await.status == 200 {}
        while world.operate_as(&key.secret, &list).await.status == 200 {}
    };
    tokio::select! {
        () = changed => {}
        () = world.platform().follow_changes() => {}
    }
}

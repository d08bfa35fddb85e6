//! Changes that another process makes on the same database.

use alga_auth::PrincipalKind;
use alga_bundle::InstallStatus;
use alga_harness::TestPlatform;
use alga_registry_types::{KeyRequest, Page, create_key, keys};
use alga_store::Database;

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_another_process_are_effective_soon() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    let other = match world.database_url() {
        Some(url) => Database::open_postgres(url).await,
        None => Database::open_sqlite(&world.directory().join("alga.sqlite")).await,
    };
    let other = other.unwrap();
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

use super::*;
use std::sync::Arc;

const LIMITS: RecordLimits = RecordLimits {
    namespaces: 2,
    keys: 3,
    namespace_bytes: 1000,
};

struct World {
    records: Records,
    tenant: TenantId,
    install: InstallId,
    _directory: tempfile::TempDir,
}

async fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open_sqlite(&directory.path().join("test.sqlite"))
        .await
        .unwrap();
    World {
        records: Records::new(database, LIMITS),
        tenant: "acme".parse().unwrap(),
        install: "i-1".parse().unwrap(),
        _directory: directory,
    }
}

impl World {
    async fn put(
        &self,
        namespace: &str,
        key: &str,
        value: &[u8],
        if_revision: Option<u64>,
    ) -> Result<u64, RecordError> {
        let write = RecordWrite {
            key: key.into(),
            value: value.into(),
            metadata: b"m".to_vec(),
            if_revision,
            ttl_seconds: None,
        };
        self.records.put(&self.tenant, &self.install, namespace, &write).await
    }

    async fn get(&self, key: &str) -> Option<StoredRecord> {
        self.records.get(&self.tenant, &self.install, "n", key).await.unwrap()
    }

    async fn delete(&self, key: &str, if_revision: Option<u64>) -> Result<bool, RecordError> {
        self.records
            .delete(&self.tenant, &self.install, "n", key, if_revision)
            .await
    }
}

#[tokio::test]
async fn a_revision_is_never_used_again_not_even_after_a_delete() {
    let world = world().await;
    assert_eq!(world.put("n", "k", b"1", Some(0)).await.unwrap(), 1);
    assert_eq!(world.put("n", "k", b"2", Some(1)).await.unwrap(), 2);
    assert!(world.delete("k", None).await.unwrap());
    assert!(!world.delete("k", None).await.unwrap());
    assert!(world.get("k").await.is_none());
    assert_eq!(world.put("n", "k", b"3", Some(0)).await.unwrap(), 3);
    let record = world.get("k").await.unwrap();
    assert_eq!(
        (record.value.as_slice(), record.metadata.as_slice(), record.revision),
        (&b"3"[..], &b"m"[..], 3)
    );
}

#[tokio::test]
async fn a_write_with_a_stale_revision_changes_nothing_and_returns_the_current() {
    let world = world().await;
    world.put("n", "k", b"1", None).await.unwrap();
    assert!(matches!(
        world.put("n", "k", b"2", Some(0)).await,
        Err(RecordError::Conflict(1))
    ));
    assert!(matches!(
        world.put("n", "k", b"2", Some(7)).await,
        Err(RecordError::Conflict(1))
    ));
    assert!(matches!(
        world.put("n", "other", b"2", Some(1)).await,
        Err(RecordError::Conflict(0))
    ));
    assert!(matches!(
        world.delete("k", Some(2)).await,
        Err(RecordError::Conflict(1))
    ));
    assert_eq!(world.get("k").await.unwrap().value, b"1");
}

#[tokio::test]
async fn of_many_that_create_one_key_at_once_exactly_one_succeeds() {
    let world = Arc::new(world().await);
    let tasks: Vec<_> = (0..16_u8)
        .map(|number| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.put("n", "k", &[number], Some(0)).await.is_ok() })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        created += u32::from(task.await.unwrap());
    }
    assert_eq!(created, 1);
}

#[tokio::test]
async fn namespace_key_and_byte_limits_hold_and_deletes_free_capacity() {
    let world = world().await;
    for key in ["a", "b", "c"] {
        world.put("n", key, b"x", None).await.unwrap();
    }
    assert!(matches!(
        world.put("n", "d", b"x", None).await,
        Err(RecordError::Full(_))
    ));
    assert!(matches!(
        world.put("n", "a", &[0; 1000], None).await,
        Err(RecordError::Full(_))
    ));
    world.put("n2", "a", b"x", None).await.unwrap();
    assert!(matches!(
        world.put("n3", "a", b"x", None).await,
        Err(RecordError::Full(_))
    ));
    world.delete("a", None).await.unwrap();
    world.put("n", "d", b"x", None).await.unwrap();
}

#[tokio::test]
async fn records_are_invisible_to_other_tenants_and_other_installs() {
    let world = world().await;
    world.put("n", "k", b"1", None).await.unwrap();
    let (other_tenant, other_install) = ("other".parse().unwrap(), "i-2".parse().unwrap());
    for (tenant, install) in [(&other_tenant, &world.install), (&world.tenant, &other_install)] {
        assert!(world.records.get(tenant, install, "n", "k").await.unwrap().is_none());
        assert!(
            world
                .records
                .list(tenant, install, "n", "", None, 10)
                .await
                .unwrap()
                .records
                .is_empty()
        );
        assert!(!world.records.delete(tenant, install, "n", "k", None).await.unwrap());
    }
    assert!(world.get("k").await.is_some());
}

#[tokio::test]
async fn records_are_listed_by_prefix_in_byte_order_and_in_pages() {
    let world = world().await;
    for key in ["b", "aé", "a"] {
        world.put("n", key, b"x", None).await.unwrap();
    }
    let page = |prefix: &'static str, after: Option<&'static str>| {
        world.records.list(&world.tenant, &world.install, "n", prefix, after, 1)
    };
    let first = page("a", None).await.unwrap();
    assert_eq!((first.records[0].key.as_str(), first.has_more), ("a", true));
    let second = page("a", Some("a")).await.unwrap();
    assert_eq!((second.records[0].key.as_str(), second.has_more), ("aé", false));
    assert_eq!(page("", Some("aé")).await.unwrap().records[0].key, "b");
    assert!(
        page("%", None).await.unwrap().records.is_empty(),
        "a prefix is not a pattern"
    );
}

#[tokio::test]
async fn a_batch_is_written_whole_or_not_at_all() {
    let world = world().await;
    let write = |key: &str, if_revision| RecordWrite {
        key: key.into(),
        value: b"v".to_vec(),
        metadata: Vec::new(),
        if_revision,
        ttl_seconds: None,
    };
    let put = |writes: Vec<RecordWrite>| {
        let world = &world;
        async move {
            world
                .records
                .put_many(&world.tenant, &world.install, "n", &writes)
                .await
        }
    };
    assert_eq!(put(vec![write("a", None), write("b", Some(0))]).await.unwrap(), [1, 1]);
    assert!(matches!(
        put(vec![write("a", None), write("b", Some(7))]).await,
        Err(RecordError::Conflict(1))
    ));
    assert!(matches!(
        put(vec![write("c", None), write("d", None)]).await,
        Err(RecordError::Full(_))
    ));
    let keys = ["a", "b", "c"].map(String::from);
    let found = world
        .records
        .get_many(&world.tenant, &world.install, "n", &keys)
        .await
        .unwrap();
    let revisions: Vec<_> = found
        .iter()
        .map(|record| record.as_ref().map(|record| record.revision))
        .collect();
    assert_eq!(revisions, [Some(1), Some(1), None]);
    let usage = world.records.usage(&world.tenant, &world.install, "n").await.unwrap();
    assert_eq!(usage, RecordUsage { keys: 2, bytes: 4 });
}

#[tokio::test]
async fn expired_records_are_deleted_and_their_revisions_not_reused() {
    let world = world().await;
    let brief = RecordWrite {
        key: "a".into(),
        value: b"1".to_vec(),
        metadata: Vec::new(),
        if_revision: None,
        ttl_seconds: Some(0),
    };
    for revision in 1..=3 {
        let put = world.records.put(&world.tenant, &world.install, "n", &brief).await;
        assert_eq!(
            put.unwrap(),
            revision,
            "the next write sweeps an expired record and preserves its revision"
        );
    }
    assert!(world.get("a").await.is_none());
    assert_eq!(
        world.put("n", "b", b"1", Some(0)).await.unwrap(),
        4,
        "a new key starts above the purged revisions"
    );
    let usage = || world.records.usage(&world.tenant, &world.install, "n");
    assert_eq!(usage().await.unwrap().keys, 1);
}

#[tokio::test]
async fn deleted_records_are_purged_at_the_limit_and_revisions_never_reused() {
    let world = world().await;
    for round in 1..=10 {
        let key = format!("k{round}");
        assert!(world.put("n", &key, b"x", Some(0)).await.unwrap() >= 1);
        assert!(world.delete(&key, None).await.unwrap());
    }
    let before = world.put("n", "k10", b"x", Some(0)).await.unwrap();
    assert!(before > 1);
    assert!(
        world
            .records
            .usage(&world.tenant, &world.install, "n")
            .await
            .unwrap()
            .keys
            <= 3
    );
}

#[tokio::test]
async fn a_delete_in_an_unused_namespace_creates_no_namespace() {
    let world = world().await;
    assert!(!world.delete("k", None).await.unwrap());
    assert!(matches!(
        world.delete("k", Some(3)).await,
        Err(RecordError::Conflict(0))
    ));
    world.put("n2", "a", b"x", None).await.unwrap();
    world.put("n3", "a", b"x", None).await.unwrap();
}

#[tokio::test]
async fn short_lived_namespaces_leave_no_rows_and_revisions_are_never_reused() {
    let world = world().await;
    let brief = RecordWrite {
        key: "k".into(),
        value: b"1".to_vec(),
        metadata: Vec::new(),
        if_revision: None,
        ttl_seconds: Some(0),
    };
    let mut highest = 0;
    for round in 0..20 {
        let namespace = format!("n{}", round % 7);
        let put = world
            .records
            .put(&world.tenant, &world.install, &namespace, &brief)
            .await;
        let revision = put.unwrap();
        assert!(revision > highest, "{revision} after {highest} in round {round}");
        highest = revision;
        world.records.sweep_tenant(&world.tenant).await.unwrap();
    }
    let rows = sqlx::query("SELECT namespace FROM ext_storage_usage WHERE tenant_id = $1")
        .bind(world.tenant.as_str())
        .fetch_all(&world.records.database.pool)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(world.put("n", "k", b"1", Some(0)).await.unwrap(), highest + 1);
}

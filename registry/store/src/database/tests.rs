//! Effects of migrations on a database that an older program filled, and on that program.

use super::*;

/// Opens a database as an older program left it: with the migrations up to `last`.
async fn as_of(path: &Path, last: i64) -> AnyPool {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let pool = AnyPoolOptions::new().connect(&url).await.unwrap();
    let old: Vec<_> = MIGRATIONS
        .iter()
        .copied()
        .filter(|(version, ..)| *version <= last)
        .collect();
    migrator(&old).run(&pool).await.unwrap();
    pool
}

const OLD_ROWS: [&str; 4] = [
    "INSERT INTO extension_registry (id, name, publisher, created_at_ms) VALUES ('e', 'com.example.old', 'example', 1)",
    "INSERT INTO extension_bundle (content_hash, size_bytes, created_at_ms) VALUES ('sha256:0000000000000000000000000000000000000000000000000000000000000000', 1, 1)",
    "INSERT INTO extension_version (id, extension_id, version, content_hash, manifest, capability_proof, signing_key, status, published_at_ms) VALUES ('v', 'e', '1.0.0', \
     'sha256:0000000000000000000000000000000000000000000000000000000000000000', '{\"name\":\"com.example.old\",\"publisher\":\"example\",\"version\":\"1.0.0\"}', \
     '{\"component\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"imports\":{},\"capabilities\":[],\"unused\":[]}', 'key', 'published', 1)",
    "INSERT INTO tenant_extension_install (id, tenant_id, extension_id, version_id, status, grants, created_at_ms, updated_at_ms) VALUES ('i', 'acme', 'e', 'v', 'enabled', '[]', 1, 1)",
];

/// Migrations from every older state preserve the rows, and the older program's statements still
/// work beside the new program (R11).
#[tokio::test]
async fn old_rows_survive_every_migration_and_the_older_program_still_works() {
    for last in 1..=3 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows");
        let old = as_of(&path, last).await;
        for statement in OLD_ROWS {
            sqlx::query(statement).execute(&old).await.unwrap();
        }
        let new = Database::open_sqlite(&path).await.unwrap();
        let version = new.version("com.example.old", "1.0.0").await.unwrap().unwrap();
        assert!(version.receipt.is_none() && version.signing_key == "key", "from {last}");
        let install = new
            .find_install(&"acme".parse().unwrap(), "com.example.old")
            .await
            .unwrap()
            .unwrap();
        assert!(install.revision == 0 && install.secrets.is_empty() && install.egress.is_empty());
        for statement in [
            "INSERT INTO extension_version (id, extension_id, version, content_hash, manifest, capability_proof, signing_key, status, published_at_ms) \
             SELECT 'v2', extension_id, '1.0.1', content_hash, manifest, capability_proof, signing_key, status, published_at_ms FROM extension_version WHERE id = 'v'",
            "UPDATE tenant_extension_install SET status = 'disabled' WHERE tenant_id = 'acme' AND id = 'i'",
            "INSERT INTO tenant_extension_install (id, tenant_id, extension_id, version_id, status, grants, created_at_ms, updated_at_ms) VALUES ('j', 'other', 'e', 'v2', 'enabled', '[]', 1, 1)",
        ] {
            sqlx::query(statement).execute(&old).await.unwrap();
        }
        assert!(
            new.find_install(&"other".parse().unwrap(), "j")
                .await
                .unwrap()
                .is_some()
        );
        new.close().await;
        old.close().await;
        // A second start has no migrations to run.
        Database::open_sqlite(&path).await.unwrap().close().await;
    }
}

/// Released migrations are never changed: a database that has run one would refuse the next start.
#[test]
fn released_migrations_are_unchanged() {
    use sha2::{Digest, Sha256};
    let all = MIGRATIONS.iter().chain(&POSTGRES_MIGRATIONS).chain(&SQLITE_MIGRATIONS);
    let digests: Vec<_> = all
        .map(|(version, _, sql)| {
            (
                *version,
                hex::encode(Sha256::digest(sql)).chars().take(16).collect::<String>(),
            )
        })
        .collect();
    let released = RELEASED.map(|(version, digest)| (version, digest.to_owned()));
    assert_eq!(digests, released, "write a new migration instead");
}

/// Version and first 16 hex digits of the SHA-256 of each released migration.
const RELEASED: [(i64, &str); 30] = [
    (1, "98b1eb4ff331233b"),
    (2, "f225cfff3efd17b1"),
    (3, "a8358399609255d7"),
    (4, "1f32c5a8fbf97005"),
    (5, "4a929df66be64f09"),
    (6, "4bc60a15995fb08a"),
    (7, "c3993edcfa131622"),
    (8, "d7b74fb828ab1c97"),
    (9, "b1cc19f1ee7e7f42"),
    (10, "e5af259e9a90f629"),
    (11, "a05d01897d3d93d2"),
    (12, "87b0302310ebb58c"),
    (13, "6ac0c0e6ac8e6f31"),
    (14, "753c49c61577e326"),
    (15, "9533eefdeee205ef"),
    (16, "c8bf7cd1e7812d5e"),
    (17, "8925ce975f9bcefc"),
    (18, "5cdd1b127a8af570"),
    (19, "96287d6f4bffd052"),
    (100_001, "97b55d94c2082c28"),
    (100_002, "586c4a95acf151cf"),
    (100_003, "9ee82091d26ef4aa"),
    (100_004, "2378ce3e24ee2c84"),
    (100_005, "5d9f32469b192c81"),
    (100_006, "7722e3974b7357dc"),
    (100_007, "becd15120361bb5c"),
    (100_008, "dd916f85ceb49dbe"),
    (100_009, "32f3f2a13878ff9c"),
    (100_010, "b3c84ffa24a6e5b8"),
    (200_001, "5437c01f71efc9ac"),
];

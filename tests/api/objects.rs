//! Storage of bundles: a real S3 server, resumable uploads, and garbage collection.

use alga_bundle::{Bundle, Digest};
use alga_capabilities::known;
use alga_harness::{Release, Reply, S3, TestPlatform, borrowed, component, fresh_database};
use alga_registry_types::{
    Part, Published, Removed, append_upload, begin_upload, delete_upload, form, publish, show_upload,
};
use alga_signing::sign;
use alga_store::{BlobStore, BundleClaim, Database, NewBundle, NewVersion, StoreError, collect_garbage};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

async fn world_on(s3: &S3) -> TestPlatform {
    let settings = s3.settings();
    let settings = borrowed(&settings);
    TestPlatform::with_settings(&settings).await
}

/// Returns bytes that do not compress.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Creates a release of about this many bytes.
fn release(world: &TestPlatform, version: &str, bytes: usize) -> Release {
    let manifest = Release::manifest("com.example.stored", version, &[]);
    let files = BTreeMap::from([
        ("manifest.json".parse().unwrap(), manifest.to_string().into_bytes()),
        ("dist/main.wasm".parse().unwrap(), component("answers_ok")),
        ("ui/noise.bin".parse().unwrap(), noise(bytes)),
    ]);
    let bundle = alga_bundle::pack(&files).unwrap();
    let signatures = sign(&Bundle::read(&bundle, known()).unwrap(), world.key()).to_json();
    let (name, version) = ("com.example.stored".to_owned(), version.to_owned());
    Release {
        name,
        version,
        bundle,
        signatures,
    }
}

#[tokio::test]
async fn bundles_of_any_size_in_an_s3_store_are_published_and_run() {
    let s3 = S3::start().await;
    let world = world_on(&s3).await;
    for (version, bytes) in [("1.0.0", 10), ("1.0.1", 20 * 1024 * 1024)] {
        let release = release(&world, version, bytes);
        world.publish(&release).await;
        let stored = s3
            .objects()
            .join(release.content_hash().to_hex())
            .join("bundle.tar.zst");
        assert!(std::fs::read(stored).unwrap() == release.bundle);
        let install = world.install("acme", &release, &[]).await;
        assert_eq!(install.status, 201, "{}", install.text());
        let request = world.request_for(&install.ok());
        assert_eq!(world.execute(&request).await.json()["status"], 200);
        assert_eq!(world.publish(&release).await.status, 200, "the same again");
    }
}

/// Loaded components stay usable; others are refused with the code for unavailable storage (R7).
#[tokio::test]
async fn an_s3_store_that_is_down_stops_only_what_must_be_fetched() {
    let s3 = S3::start().await;
    let world = world_on(&s3).await;
    let release = release(&world, "1.0.0", 10);
    world.publish(&release).await;
    let request = world.request_for(&world.install("acme", &release, &[]).await.ok());
    assert_eq!(world.execute(&request).await.status, 200);
    s3.stop();
    assert_eq!(world.execute(&request).await.status, 200);
    assert_eq!(world.install("other", &release, &[]).await.code(), "bundle_unavailable");
    let world = world.restart().await;
    let cold = world.execute(&request).await;
    cold.assert_error(503, "bundle_unavailable");
    // The client gets the loader's `retry-after`, through the gateway as well.
    assert_eq!(cold.headers["retry-after"], "5");
    let through_the_gateway = world.get(&format!("{}/", release.name)).await;
    through_the_gateway.assert_error(503, "bundle_unavailable");
    assert_eq!(through_the_gateway.headers["retry-after"], "5");
}

#[tokio::test]
async fn concurrent_publishes_of_one_bundle_to_an_s3_store_both_succeed() {
    let s3 = S3::start().await;
    let world = std::sync::Arc::new(world_on(&s3).await);
    let release = release(&world, "1.0.0", 9 * 1024 * 1024);
    let publish = || {
        let (world, release) = (std::sync::Arc::clone(&world), release.clone());
        tokio::spawn(async move { world.publish(&release).await.status.as_u16() })
    };
    let (one, two) = (publish(), publish());
    let mut statuses = [one.await.unwrap(), two.await.unwrap()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    assert_eq!(world.install("acme", &release, &[]).await.status, 201);
}

/// A stored bundle that was changed in any way is not run (B8).
#[tokio::test]
async fn forged_truncated_and_swapped_objects_in_an_s3_store_are_refused() {
    let s3 = S3::start().await;
    let world = world_on(&s3).await;
    let (good, other) = (release(&world, "1.0.0", 10), release(&world, "1.0.1", 11));
    world.publish(&good).await;
    world.publish(&other).await;
    let stored = s3.objects().join(good.content_hash().to_hex()).join("bundle.tar.zst");
    let mut flipped = good.bundle.clone();
    flipped[good.bundle.len() / 2] ^= 1;
    let half = good.bundle[..good.bundle.len() / 2].to_vec();
    for (what, bytes) in [
        ("flipped", flipped),
        ("half", half),
        ("another", other.bundle.clone()),
        ("HTML", b"<html>not found".to_vec()),
        ("nothing", vec![]),
    ] {
        std::fs::write(&stored, bytes).unwrap();
        let installed = world.install("acme", &good, &[]).await;
        assert_eq!(installed.code(), "bundle_rejected", "{what}");
    }
    assert_eq!(world.publish(&good).await.status, 200, "publishing again repairs it");
    assert_eq!(world.install("acme", &good, &[]).await.status, 201);
}

async fn publish_upload(world: &TestPlatform, upload: &str, signatures: &[u8]) -> Reply<Published> {
    let parts = [
        Part::field("upload", upload.as_bytes()),
        Part::field("signatures", signatures),
    ];
    world.operate(&publish(form(&parts))).await
}

#[tokio::test]
async fn an_upload_resumes_at_its_offset_after_a_restart_and_is_published() {
    let world = TestPlatform::new().await;
    let release = release(&world, "1.0.0", 300_000);
    let begun = world.operate(&begin_upload()).await;
    assert_eq!(begun.status, 201);
    let id = begun.ok().id;
    let (first, second) = release.bundle.split_at(100_000);
    let sent = world.operate(&append_upload(&id, 0, first.to_vec())).await.ok();
    assert_eq!(sent.offset, 100_000);
    let world = world.restart().await;
    assert_eq!(world.operate(&show_upload(&id)).await.ok().offset, 100_000);
    for wrong in [0, 99_999, 100_001] {
        let refused = world.operate(&append_upload(&id, wrong, second.to_vec())).await;
        assert_eq!(refused.code(), "conflict");
        assert!(refused.text().contains("100000"), "{}", refused.text());
    }
    let mut without_offset = append_upload(&id, 100_000, vec![]);
    without_offset.headers.clear();
    assert_eq!(world.operate(&without_offset).await.code(), "bad_request");
    assert_eq!(
        publish_upload(&world, &id, &release.signatures).await.code(),
        "bundle_invalid",
        "half a bundle"
    );
    world.operate(&append_upload(&id, 100_000, second.to_vec())).await;
    let published = publish_upload(&world, &id, &release.signatures).await;
    assert_eq!(published.status, 201, "{}", published.text());
    assert_eq!(published.ok().content_hash, release.content_hash().to_string());
    assert_eq!(
        world.operate(&show_upload(&id)).await.code(),
        "not_found",
        "a published upload is over"
    );
}

#[tokio::test]
async fn uploads_are_bounded_have_one_id_and_can_be_deleted() {
    let world = TestPlatform::new().await;
    let begin = async || world.operate(&begin_upload()).await;
    let id = begin().await.ok().id;
    let too_much = vec![0; 64 * 1024 * 1024 + 1];
    assert_eq!(
        world.operate(&append_upload(&id, 0, too_much)).await.code(),
        "payload_too_large"
    );
    assert_eq!(world.operate(&delete_upload(&id)).await.status, 204);
    assert_eq!(world.operate(&show_upload(&id)).await.code(), "not_found");
    let id = begin().await.ok().id;
    for alias in [
        id.to_uppercase(),
        id.replace('-', ""),
        format!("urn:uuid:{id}"),
        format!("{{{id}}}"),
    ] {
        let refused = world.operate(&append_upload(&alias, 0, vec![1])).await;
        assert_eq!(refused.code(), "not_found", "another name of the same upload: {alias}");
    }
    for name in ["..", "../../admin.token", "admin.token", "\0", "0"] {
        assert_eq!(world.operate(&show_upload(name)).await.status, 404, "{name:?}");
    }
    let mut refused = None;
    for _ in 0..70 {
        let begun = begin().await;
        if begun.status != 201 {
            refused = Some(begun.code());
            break;
        }
    }
    assert_eq!(refused.as_deref(), Some("rate_limited"));
}

/// Covers test R4.
#[tokio::test]
async fn failed_publishes_leave_no_file_and_abandoned_uploads_are_swept() {
    let world = TestPlatform::new().await;
    let staging = world.directory().join("staging");
    let release = release(&world, "1.0.0", 10);
    for bundle in [&release.bundle[..release.bundle.len() / 2], b"", b"nonsense"] {
        world.publish_bytes(bundle, Some(&release.signatures)).await;
        world.publish_bytes(bundle, None).await;
    }
    world.publish(&release).await;
    assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 0);
    for _ in 0..15 {
        world.operate(&begin_upload()).await;
    }
    let store = alga_store::Staging::open(&staging).unwrap();
    assert_eq!(store.sweep(Duration::from_hours(1)).unwrap(), 0, "what is young stays");
    assert_eq!(store.sweep(Duration::ZERO).unwrap(), 15);
    assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 0);
    let removed = world.operate(&alga_registry_types::collect_garbage()).await.ok();
    assert_eq!(removed, Removed { bundles: 0, uploads: 0 });
}

/// Database and bundle storage, without a platform around them.
struct Stores {
    directory: tempfile::TempDir,
    database: Database,
    blobs: BlobStore,
    bundle: Bundle,
    hash: Digest,
}

impl Stores {
    async fn new() -> Self {
        // A memory file system: the test is about order, not disks.
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let bytes = Release::pack(
            &Release::manifest("com.example.raced", "1.0.0", &[]),
            &component("answers_ok"),
        );
        std::fs::write(directory.path().join("bundle"), &bytes).unwrap();
        Self {
            database: match fresh_database() {
                Some(url) => Database::open_postgres(&url).await.unwrap(),
                None => Database::open_sqlite(&directory.path().join("rows")).await.unwrap(),
            },
            blobs: BlobStore::local(&directory.path().join("objects")).unwrap(),
            bundle: Bundle::read(&bytes, known()).unwrap(),
            hash: Digest::of(&bytes),
            directory,
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("bundle")
    }

    async fn put(&self, file: &Path) {
        let new = NewBundle {
            content_hash: self.hash,
            file,
            signatures: b"{}",
            receipt: b"{}",
        };
        self.blobs.put(new).await.unwrap();
    }

    async fn publish(&self, claim: &BundleClaim) -> Result<(), StoreError> {
        let new = NewVersion {
            manifest: self.bundle.manifest(),
            proof: self.bundle.proof(),
            content_hash: self.hash,
            claim,
            size_bytes: self.bundle.size_bytes(),
            signing_key: "key",
            receipt: "{}",
        };
        self.database.publish(&new).await.map(drop)
    }

    async fn is_there(&self) -> bool {
        self.blobs.get(self.hash).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn unpublished_bundles_are_collected_only_after_their_grace_period() {
    let stores = Stores::new().await;
    stores.database.claim_bundle(stores.hash).await.unwrap();
    stores.put(&stores.file()).await;
    let collect = |grace| collect_garbage(&stores.database, &stores.blobs, grace);
    assert_eq!(collect(Duration::from_hours(24)).await.unwrap(), 0);
    assert!(stores.is_there().await);
    assert_eq!(collect(Duration::ZERO).await.unwrap(), 1);
    assert!(!stores.is_there().await);
    assert_eq!(collect(Duration::ZERO).await.unwrap(), 0);
    let claim = stores.database.claim_bundle(stores.hash).await.unwrap();
    stores.put(&stores.file()).await;
    stores.publish(&claim).await.unwrap();
    assert_eq!(collect(Duration::ZERO).await.unwrap(), 0, "published is never garbage");
    assert!(stores.is_there().await);
}

/// One step of a publisher or a collector.
#[derive(Debug, Clone, Copy)]
enum Step {
    Publisher(usize),
    Collector(usize),
}

#[derive(Debug, Default, Clone)]
enum Publisher {
    #[default]
    Begins,
    Claimed(BundleClaim),
    Put(BundleClaim),
}

/// Runs publishers of one content, and collectors that treat everything as expired, with their
/// steps in the given order. Whenever a version exists, its bundle exists, too.
async fn no_live_bundle_is_removed(steps: &[Step]) {
    let stores = Stores::new().await;
    let mut publishers = [Publisher::Begins, Publisher::Begins];
    let mut marked: [Vec<alga_store::MarkedClaim>; 2] = [Vec::new(), Vec::new()];
    let mut removed: [Vec<alga_store::MarkedClaim>; 2] = [Vec::new(), Vec::new()];
    for step in steps {
        match *step {
            Step::Publisher(who) => {
                publishers[who] = match std::mem::take(&mut publishers[who]) {
                    Publisher::Begins => match stores.database.claim_bundle(stores.hash).await {
                        Ok(claim) => Publisher::Claimed(claim),
                        Err(_) => Publisher::Begins,
                    },
                    Publisher::Claimed(claim) => {
                        stores.put(&stores.file()).await;
                        Publisher::Put(claim)
                    }
                    // Published, or refused so that the publisher must start again.
                    Publisher::Put(claim) => {
                        stores.publish(&claim).await.ok();
                        Publisher::Begins
                    }
                };
            }
            Step::Collector(who) => {
                if let Some(collected) = removed[who].pop() {
                    stores.database.delete_claim(collected).await.unwrap();
                } else if let Some(collected) = marked[who].pop() {
                    stores.blobs.remove_garbage(collected).await.unwrap();
                    removed[who].push(collected);
                } else {
                    marked[who] = stores.database.mark_garbage(Duration::ZERO).await.unwrap();
                }
            }
        }
        let is_live = stores
            .database
            .version("com.example.raced", "1.0.0")
            .await
            .unwrap()
            .is_some();
        assert!(!is_live || stores.is_there().await, "{steps:?}");
    }
    stores.database.close().await;
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..2_usize).prop_map(Step::Publisher),
        (0..2_usize).prop_map(Step::Collector)
    ]
}

/// `cargo xtask soak garbage` tries many more orders (R5).
#[test]
fn no_order_of_publishing_and_collecting_removes_a_live_bundle() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // A separate database for each order costs more on Postgres.
    let short = if std::env::var_os("ALGA_TEST_POSTGRES").is_some() {
        20
    } else {
        150
    };
    let cases = u32::try_from(alga_harness::rounds(short)).unwrap_or(u32::MAX);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let orders = proptest::collection::vec(step(), 4..24);
    runner
        .run(&orders, |steps| {
            runtime.block_on(no_live_bundle_is_removed(&steps));
            Ok(())
        })
        .unwrap();
}

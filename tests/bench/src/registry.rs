//! `bench registry`: reading and verifying a bundle, publishing one, listing many.

use crate::figures::{Figures, Target};
use crate::own_process::publish_to;
use alga_bundle::Bundle;
use alga_capabilities::known;
use alga_harness::{Release, Server, TestPlatform, component};
use alga_signing::{Policy, SigningKey, TrustBundle, TrustFile, sign, verify};
use alga_store::{Database, NewVersion};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const BUNDLE_BYTES: usize = 5 * 1024 * 1024;
/// Size that leaves space for headers, manifest and component below the limit of 64 MiB.
const LARGE_BUNDLE_BYTES: usize = 63 * 1024 * 1024;
const SMALL_BUNDLE_BYTES: usize = 200 * 1024;
const PUBLISHES: usize = 50;
const VERSIONS: usize = 10_000;
/// In memory, not on a disk: ten thousand rows are created only to be listed.
const MEMORY_DIRECTORY: &str = "/dev/shm";

pub(crate) fn run(figures: &mut Figures, seconds: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    read_and_verify(figures, seconds);
    runtime.block_on(publish(figures));
    runtime.block_on(list(figures));
    memory(figures);
}

/// Publishes the largest permitted bundle to a separate server and measures its peak memory above
/// idle.
fn memory(figures: &mut Figures) {
    let directory = tempfile::tempdir().unwrap();
    let key = SigningKey::generate().unwrap();
    let trust = TrustFile::of(&"example".parse().unwrap(), &key).unwrap();
    std::fs::write(directory.path().join("trust.json"), trust.to_json().unwrap()).unwrap();
    let server = Server::start(directory.path());
    let token = std::fs::read_to_string(directory.path().join("alga-data/admin.token")).unwrap();
    publish_to(&server, &token, &release(&key, "1.0.0", SMALL_BUNDLE_BYTES));
    let status = |line: &str| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status
            .lines()
            .find_map(|text| text.strip_prefix(line))
            .unwrap()
            .to_owned();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    };
    let large = release(&key, "1.0.1", LARGE_BUNDLE_BYTES);
    let idle = status("VmRSS:");
    std::fs::write(format!("/proc/{}/clear_refs", server.id()), "5").unwrap();
    publish_to(&server, &token, &large);
    figures.add(
        "memory of a publish of 64 MiB, above idle",
        status("VmHWM:") - idle,
        "MiB",
        Target::AtMost(64.0),
    );
}

/// Creates a signed release of the hello component and `filler` bytes that do not compress.
fn release(key: &SigningKey, version: &str, filler: usize) -> Release {
    let manifest = Release::manifest("com.example.bench", version, &["cap:log.emit", "cap:context.read"]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    });
    let files = BTreeMap::from([
        ("manifest.json".parse().unwrap(), manifest.to_string().into_bytes()),
        ("dist/main.wasm".parse().unwrap(), component("hello")),
        ("ui/noise.bin".parse().unwrap(), noise.take(filler).collect()),
    ]);
    let bundle = alga_bundle::pack(&files).unwrap();
    let signatures = sign(&Bundle::read(&bundle, known()).unwrap(), key).to_json();
    Release {
        name: "com.example.bench".into(),
        version: version.into(),
        bundle,
        signatures,
    }
}

fn read_and_verify(figures: &mut Figures, seconds: u64) {
    let key = SigningKey::generate().unwrap();
    let trust = TrustBundle::default().with_key("example".parse().unwrap(), key.verifying_key());
    let release = release(&key, "1.0.0", BUNDLE_BYTES);
    let (started, mut bytes) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(seconds) {
        let bundle = Bundle::read(&release.bundle, known()).unwrap();
        black_box(verify(&release.signatures, &bundle, Policy::now(&trust)).unwrap());
        bytes += release.bundle.len();
    }
    let rate = bytes as f64 / started.elapsed().as_secs_f64() / 1e6;
    figures.add(
        "read and verify a bundle of 5 MiB",
        rate,
        "MB/s",
        Target::AtLeast(200.0),
    );
}

async fn publish(figures: &mut Figures) {
    let world = TestPlatform::new().await;
    world.publish(&release(world.key(), "0.0.1", SMALL_BUNDLE_BYTES)).await;
    let mut times = Vec::with_capacity(PUBLISHES);
    for number in 0..PUBLISHES {
        let release = release(world.key(), &format!("1.0.{number}"), SMALL_BUNDLE_BYTES);
        let started = Instant::now();
        world.publish(&release).await;
        times.push(started.elapsed());
    }
    figures.add(
        "publish 200 kB, compiled before, p50",
        milliseconds(&mut times, 50),
        "ms",
        Target::AtMost(50.0),
    );
    figures.add(
        "publish 200 kB, compiled before, p99",
        milliseconds(&mut times, 99),
        "ms",
        Target::None,
    );
}

async fn list(figures: &mut Figures) {
    let directory = tempfile::tempdir_in(Path::new(MEMORY_DIRECTORY)).unwrap();
    let database = Database::open_sqlite(&directory.path().join("bench.sqlite"))
        .await
        .unwrap();
    let key = SigningKey::generate().unwrap();
    let bundle = release(&key, "1.0.0", 0).bundle;
    let bundle = Bundle::read(&bundle, known()).unwrap();
    let mut manifest = bundle.manifest().clone();
    let claim = database.claim_bundle(bundle.digest()).await.unwrap();
    for number in 0..VERSIONS {
        manifest.version = format!("1.0.{number}").parse().unwrap();
        let new = NewVersion {
            manifest: &manifest,
            proof: bundle.proof(),
            content_hash: bundle.digest(),
            claim: &claim,
            size_bytes: 0,
            signing_key: "bench",
            receipt: "{}",
        };
        database.publish(&new).await.unwrap();
    }
    let (mut times, mut before) = (Vec::new(), None);
    loop {
        let started = Instant::now();
        let page = database
            .versions("com.example.bench", before.as_ref(), 100)
            .await
            .unwrap();
        let fields = page.iter().map(|row| {
            let texts = (&row.id, &row.name, &row.version, row.content_hash);
            (texts, row.status, &row.deprecation, row.published_at_ms)
        });
        black_box(serde_json::to_vec(&fields.collect::<Vec<_>>()).unwrap());
        times.push(started.elapsed());
        let Some(last) = page.last() else { break };
        before = Some(last.id.clone());
    }
    figures.add(
        "a page of 100 of 10 000 versions, p99",
        milliseconds(&mut times, 99),
        "ms",
        Target::AtMost(5.0),
    );
}

fn milliseconds(times: &mut [Duration], percentile: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percentile / 100).min(times.len() - 1);
    times[at].as_secs_f64() * 1e3
}

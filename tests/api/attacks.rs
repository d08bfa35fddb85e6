//! Hostile bundles and corrupted stores that the other files of this directory do not cover. Each
//! is refused whole, with nothing written anywhere.

use alga_harness::{Release, TestPlatform, component};
use alga_registry_types::{Page, audit_after, show_version, verify_audit, versions};
use alga_signing::sign;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Reads every file below a directory.
fn files_below(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => directories.push(entry.path()),
                _ => drop(files.insert(entry.path(), fs::read(entry.path()).unwrap_or_default())),
            }
        }
    }
    files
}

fn compressed(archive: &[u8]) -> Vec<u8> {
    zstd::encode_all(archive, 3).unwrap()
}

/// Returns an archive as the `tar` crate writes it, with one additional entry that must be refused.
fn with_entry(change: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let manifest = Release::manifest("com.example.hostile", "1.0.0", &[]).to_string();
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, path, bytes).unwrap();
    };
    add("dist/main.wasm", &component("answers_ok"));
    add("manifest.json", manifest.as_bytes());
    change(&mut builder);
    compressed(&builder.into_inner().unwrap())
}

/// Appends an entry of any type with any name, without the checks of the library.
fn entry(builder: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, name: &[u8], target: &str) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o777);
    if !target.is_empty() {
        header.set_link_name(target).unwrap();
    }
    header.set_cksum();
    builder.append(&header, std::io::empty()).unwrap();
}

fn hostile_bundles() -> Vec<(&'static str, Vec<u8>)> {
    use tar::EntryType as Kind;
    let one = |kind: Kind, name: &'static [u8], target: &'static str| {
        with_entry(move |builder| entry(builder, kind, name, target))
    };
    let good = Release::pack(
        &Release::manifest("com.example.hostile", "1.0.0", &[]),
        &component("answers_ok"),
    );
    vec![
        ("a path upwards", one(Kind::Regular, b"../../escaped", "")),
        ("an absolute path", one(Kind::Regular, b"/tmp/alga-escaped", "")),
        ("a path that turns back", one(Kind::Regular, b"ui/../../escaped", "")),
        ("a backslash", one(Kind::Regular, b"ui\\..\\escaped", "")),
        ("a NUL", one(Kind::Regular, b"ui/a\0b", "")),
        ("not UTF-8", one(Kind::Regular, b"ui/\xff\xfe", "")),
        (
            "a text that runs backwards",
            one(Kind::Regular, "ui/\u{202e}gnp.js".as_bytes(), ""),
        ),
        ("a symbolic link", one(Kind::Symlink, b"ui/link", "/etc/passwd")),
        ("a hard link", one(Kind::Link, b"ui/link", "manifest.json")),
        ("a device", one(Kind::Char, b"ui/null", "")),
        ("a pipe", one(Kind::Fifo, b"ui/pipe", "")),
        ("a directory", one(Kind::Directory, b"ui/", "")),
        ("a global extension", one(Kind::XGlobalHeader, b"pax", "")),
        ("an extension", one(Kind::XHeader, b"pax", "")),
        ("a sparse file", one(Kind::GNUSparse, b"ui/sparse", "")),
        ("a long name", one(Kind::GNULongName, b"././@LongLink", "")),
        (
            "a second manifest",
            with_entry(|builder| entry(builder, Kind::Regular, b"manifest.json", "")),
        ),
        (
            "a manifest in capitals",
            with_entry(|builder| entry(builder, Kind::Regular, b"MANIFEST.json", "")),
        ),
        ("two archives", [good.clone(), good.clone()].concat()),
        (
            "a frame that is skipped",
            [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0][..], &good].concat(),
        ),
        ("something behind", [&good[..], b"PK\x03\x04"].concat()),
        ("half of it", good[..good.len() / 2].to_vec()),
        ("a bomb", compressed(&vec![0; 80 * 1024 * 1024])),
        ("another format", b"PK\x03\x04 not ours".to_vec()),
        ("nothing", Vec::new()),
    ]
}

/// Covers B1 to B6.
#[tokio::test]
async fn hostile_archives_are_refused_and_leave_no_file() {
    let world = TestPlatform::new().await;
    let signatures = world.release("com.example.hostile", "1.0.0", "answers_ok").signatures;
    let is_own = |path: &PathBuf| {
        path.starts_with(world.directory().join("bundles")) || path.starts_with(world.directory().join("staging"))
    };
    for (what, bundle) in hostile_bundles() {
        let response = world.publish_bytes(&bundle, Some(&signatures)).await;
        assert_eq!(response.code(), "bundle_invalid", "{what}: {}", response.text());
        let left: Vec<_> = files_below(world.directory()).into_keys().filter(is_own).collect();
        assert!(left.is_empty(), "{what}: {left:?}");
        assert!(
            !Path::new("/tmp/alga-escaped").exists() && !world.directory().join("../escaped").exists(),
            "{what}"
        );
    }
    let missing = world.operate(&versions("com.example.hostile", &Page::default())).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn signatures_that_are_larger_than_any_real_ones_are_refused_early() {
    let world = TestPlatform::new().await;
    let bundle = Release::pack(
        &Release::manifest("com.example.large", "1.0.0", &[]),
        &component("answers_ok"),
    );
    let response = world.publish_bytes(&bundle, Some(&vec![b' '; 256 * 1024 + 1])).await;
    assert_eq!(response.code(), "payload_too_large");
}

/// Reads a third party's archive, as `alga pack --from` does.
#[test]
fn a_foreign_archive_is_read_under_the_limits_of_bundles() {
    for (what, bundle) in hostile_bundles() {
        if [
            "a bomb",
            "a symbolic link",
            "a hard link",
            "a device",
            "a pipe",
            "a second manifest",
            "a path upwards",
            "an absolute path",
        ]
        .contains(&what)
        {
            assert!(alga_bundle::unpack_foreign(&bundle).is_err(), "{what}");
        }
    }
}

/// Other programs read the archives that we accept as the same files (B4).
#[test]
fn other_tar_readers_extract_the_same_files_from_accepted_archives() {
    let long = format!("ui/{}/{}.js", "a".repeat(60), "b".repeat(60));
    let files: BTreeMap<alga_bundle::EntryPath, Vec<u8>> = [
        ("dist/main.wasm", vec![0; 513]),
        ("empty", vec![]),
        ("manifest.json", b"{}".to_vec()),
        (long.as_str(), vec![7; 512]),
    ]
    .map(|(path, bytes)| (path.parse().unwrap(), bytes))
    .into();
    let bundle = alga_bundle::pack(&files).unwrap();
    let own: Vec<_> = alga_bundle::unpack(&bundle)
        .unwrap()
        .into_iter()
        .map(|(path, bytes)| (path.to_string(), bytes.len()))
        .collect();
    let archive = zstd::decode_all(bundle.as_slice()).unwrap();
    let mut library = tar::Archive::new(archive.as_slice());
    let foreign: Vec<_> = library
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.path().unwrap().display().to_string(),
                usize::try_from(entry.size()).unwrap(),
            )
        })
        .collect();
    assert_eq!(own, foreign);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.tar"), archive).unwrap();
    let output = Command::new("tar")
        .args(["-tf", "a.tar"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let listed: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(ToOwned::to_owned)
        .collect();
    assert_eq!(own.into_iter().map(|(path, _)| path).collect::<Vec<_>>(), listed);
}

/// A manifest that is too large, too deep, or ambiguous is refused (B6, B7).
#[tokio::test]
async fn oversized_deep_and_ambiguous_manifests_are_refused() {
    let world = TestPlatform::new().await;
    let plain = r#"{"name":"com.example.a","publisher":"example","version":"1.0.0""#;
    for (what, manifest) in [
        (
            "too large",
            format!("{plain},\"description\":\"{}\"}}", "x".repeat(257 * 1024)),
        ),
        (
            "too deep",
            format!("{plain},\"limits\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)),
        ),
        ("a name twice", format!("{plain},\"name\":\"com.example.b\"}}")),
        (
            "twice inside",
            format!("{plain},\"limits\":{{\"memoryMb\":1,\"memoryMb\":2}}}}"),
        ),
        ("no number", format!("{plain},\"limits\":{{\"memoryMb\":NaN}}}}")),
        (
            "an infinite number",
            format!("{plain},\"limits\":{{\"memoryMb\":1e400}}}}"),
        ),
        (
            "a huge number",
            format!("{plain},\"limits\":{{\"memoryMb\":99999999999999999999}}}}"),
        ),
        ("a mark at the beginning", format!("\u{feff}{plain}}}")),
        ("something behind", format!("{plain}}} {{}}")),
        ("an unknown field", format!("{plain},\"capabilites\":[]}}")),
        ("half a letter", format!("{plain},\"description\":\"\\ud800\"}}")),
    ] {
        let files = BTreeMap::from([
            ("manifest.json".parse().unwrap(), manifest.into_bytes()),
            ("dist/main.wasm".parse().unwrap(), component("answers_ok")),
        ]);
        let response = world
            .publish_bytes(&alga_bundle::pack(&files).unwrap(), Some(b"{}"))
            .await;
        assert_eq!(response.code(), "manifest_invalid", "{what}: {}", response.text());
    }
}

/// The bundle is the only source; objects stored beside it, or precompiled machine code inside it,
/// are never read (B9, B11).
#[tokio::test]
async fn objects_beside_the_bundle_and_machine_code_in_it_are_never_read() {
    let world = TestPlatform::new().await;
    let mut manifest = Release::manifest("com.example.precompiled", "1.0.0", &[]);
    manifest["precompiled"] = json!({ "x86_64": "precompiled/x86_64.cwasm" });
    let files = BTreeMap::from([
        ("manifest.json".parse().unwrap(), manifest.to_string().into_bytes()),
        ("dist/main.wasm".parse().unwrap(), component("answers_ok")),
        (
            "precompiled/x86_64.cwasm".parse().unwrap(),
            b"\x7fELF not what the component says".to_vec(),
        ),
    ]);
    let bundle = alga_bundle::pack(&files).unwrap();
    let read = alga_bundle::Bundle::read(&bundle, alga_capabilities::known()).unwrap();
    let signatures = sign(&read, world.key()).to_json();
    let release = Release {
        name: "com.example.precompiled".into(),
        version: "1.0.0".into(),
        bundle,
        signatures,
    };
    world.publish(&release).await;
    let beside = world
        .directory()
        .join("bundles/sha256")
        .join(release.content_hash().to_hex());
    fs::create_dir_all(beside.join("dist")).unwrap();
    fs::write(beside.join("dist/main.wasm"), component("traps")).unwrap();
    fs::write(beside.join("manifest.json"), "{}").unwrap();
    fs::write(beside.join("entry.wasm"), component("traps")).unwrap();
    let install = world.install("acme", &release, &[]).await;
    assert_eq!(
        world.execute(&world.request_for(&install.ok())).await.json()["status"],
        200
    );
}

/// Another thread swaps the stored bundle continuously; what runs is what was verified, or nothing
/// (B10).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_is_swapped_while_it_is_loaded_never_runs_as_another() {
    let mut world = TestPlatform::new().await;
    let (good, other) = (
        world.release("com.example.good", "1.0.0", "answers_ok"),
        world.release("com.example.other", "1.0.0", "echoes_the_request"),
    );
    world.publish(&good).await;
    world.publish(&other).await;
    let install = world.install("acme", &good, &[]).await.ok();
    let right = world.execute(&world.request_for(&install)).await.json()["body_b64"].clone();
    let stored = world
        .directory()
        .join("bundles/sha256")
        .join(good.content_hash().to_hex())
        .join("bundle.tar.zst");
    let stop = Arc::new(AtomicBool::new(false));
    let racer = {
        let (stop, stored, good, other) = (Arc::clone(&stop), stored.clone(), good.bundle.clone(), other.bundle);
        std::thread::spawn(move || {
            let next = stored.with_extension("swap");
            while !stop.load(Ordering::Relaxed) {
                for bytes in [&other, &good] {
                    fs::write(&next, bytes).unwrap();
                    fs::rename(&next, &stored).unwrap();
                    fs::write(&stored, bytes).unwrap();
                }
            }
        })
    };
    let mut outcomes = BTreeMap::new();
    for _ in 0..alga_harness::rounds(15) {
        // Another process: nothing is cached in memory.
        world = world.restart().await;
        let response = world.execute(&world.request_for(&install)).await;
        match response.status.as_u16() {
            200 => assert_eq!(response.json()["body_b64"], right),
            502 => assert_eq!(response.code(), "bundle_rejected"),
            other => panic!("{other}: {}", response.text()),
        }
        *outcomes.entry(response.status.as_u16()).or_insert(0) += 1;
    }
    stop.store(true, Ordering::Relaxed);
    racer.join().unwrap();
    println!("{outcomes:?}");
}

/// A round is 64 publishers of one version, each with different bytes (R1).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_concurrent_publishes_of_one_version_exactly_one_succeeds() {
    let world = Arc::new(TestPlatform::new().await);
    for round in 0..alga_harness::rounds(2) {
        let version = format!("1.0.{round}");
        let tasks: Vec<_> = (0..64)
            .map(|number| {
                let mut manifest = Release::manifest("com.example.raced", &version, &[]);
                manifest["description"] = json!(format!("by publisher {number}"));
                let release = Release::new(world.key(), &manifest, &component("answers_ok"));
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    // A publisher that is refused because the database is busy retries, as a client
                    // does.
                    loop {
                        let response = world.try_publish(&release).await;
                        match response.status.as_u16() {
                            429 | 503 => tokio::task::yield_now().await,
                            status => break (status, release.content_hash(), response.text()),
                        }
                    }
                })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            let (status, hash, text) = task.await.unwrap();
            assert!([201, 409].contains(&status), "{text}");
            winners.extend((status == 201).then_some(hash));
        }
        assert_eq!(winners.len(), 1);
        let published = world.operate(&show_version("com.example.raced", &version)).await.ok();
        assert_eq!(published.content_hash, winners[0]);
    }
    let chain = world.operate(&verify_audit()).await.ok();
    assert_eq!(chain.broken_at, None);
}

/// The response was lost, so the publisher repeats the request: it gets the same id, and nothing
/// new is logged (R3).
#[tokio::test]
async fn repeating_a_publish_after_a_lost_response_has_no_effect() {
    let world = TestPlatform::new().await;
    let release = world.release("com.example.again", "1.0.0", "answers_ok");
    let first = world.publish(&release).await;
    let entries = async || world.operate(&audit_after(0)).await.ok().entries.len();
    let before = entries().await;
    let again = world.publish(&release).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(first.ok().id, again.ok().id);
    assert_eq!(entries().await, before);
}

/// The previous version of the program works beside the current one, because migrations only add
/// (R11).
#[test]
fn migrations_only_add_to_the_schema() {
    let directory = alga_harness::root().join("registry/store/migrations");
    let allowed = [
        "CREATE TABLE ",
        "CREATE INDEX ",
        "CREATE POLICY ",
        "CREATE FUNCTION ",
        "CREATE TRIGGER ",
        "INSERT INTO extension_audit_head ",
    ];
    for (path, text) in files_below(&directory)
        .into_iter()
        .filter(|(path, _)| !path.to_string_lossy().contains("append_only"))
    {
        let text = String::from_utf8(text).unwrap();
        let sql: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect::<Vec<_>>()
            .join(" ");
        for statement in sql.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            let needs_value = statement.contains("NOT NULL") && !statement.contains("DEFAULT");
            let adds_column =
                statement.starts_with("ALTER TABLE") && statement.contains(" ADD COLUMN ") && !needs_value;
            let binds_rows = statement.starts_with("ALTER TABLE") && statement.ends_with(" ROW LEVEL SECURITY");
            let is_allowed = allowed.iter().any(|start| statement.starts_with(start)) || adds_column || binds_rows;
            assert!(is_allowed, "{}: {statement}", path.display());
        }
    }
}

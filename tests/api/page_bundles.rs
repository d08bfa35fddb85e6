//! Bundles of pages that are hostile, or near a limit.

use crate::ext_ui::{ENTRY, NAME, get, url};
use alga_harness::{Release, TestPlatform};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Bytes of the drawing: below the limit of a bundle's content.
const DRAWING_BYTES: usize = 50_000_000;

fn manifest() -> Value {
    json!({
        "name": NAME, "publisher": "example", "version": "1.0.0",
        "ui": { "type": "iframe", "entry": "ui/index.html" },
    })
}

/// Packs files without the checks of `alga_bundle::pack`. The paths must be ascending.
fn packed(paths: &[String]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let manifest = ("manifest.json".to_owned(), manifest().to_string().into_bytes());
    // Content that does not compress: a bundle may not expand more than a hundred times.
    let files = paths.iter().map(|path| (path.clone(), Sha256::digest(path).to_vec()));
    for (path, bytes) in [manifest].into_iter().chain(files) {
        let mut header = tar::Header::new_ustar();
        header.set_path(path).unwrap();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).unwrap();
    }
    zstd::bulk::compress(&builder.into_inner().unwrap(), 1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_too_many_or_confusable_files_is_refused_with_the_reason() {
    let world = TestPlatform::new().await;
    let names = |names: &[&str]| names.iter().map(|name| format!("ui/{name}")).collect();
    let many = (0..10_000).map(|number| format!("ui/{number:05}.js")).collect();
    let cases: [(Vec<String>, &str); 4] = [
        (many, "more than 5000 files"),
        (names(&["App.js", "app.js", "index.html"]), "only in case"),
        (names(&["a", "a/b.js", "index.html"]), "a file and a directory"),
        (names(&["A", "a/b.js", "index.html"]), "a file and a directory"),
    ];
    for (paths, reason) in cases {
        let refused = world.publish_bytes(&packed(&paths), Some(b"{}")).await;
        refused.assert_refused(422, "bundle_invalid", reason);
    }
}

/// A drawing that compresses to about a fiftieth: a bundle may not expand more than a hundred
/// times, and noise is slow to pack.
fn drawing() -> Vec<u8> {
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b'a' + u8::try_from(state >> 59).unwrap() % 26
    })
    .take(1_500_000)
    .collect();
    let script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>top.location = '/'</script><desc>";
    script
        .iter()
        .chain(noise.iter().cycle())
        .copied()
        .take(DRAWING_BYTES)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawing_of_50_mb_is_served_as_it_is_and_its_scripts_are_confined() {
    let world = TestPlatform::new().await;
    let drawing = drawing();
    let files: [(&str, &[u8]); 2] = [("ui/index.html", ENTRY), ("ui/drawing.svg", &drawing)];
    let release = Release::signed(world.key(), Release::pack_files(&manifest(), &files));
    world.publish(&release).await;
    world.install("acme", &release, &[]).await.ok();
    let whole = get(
        &world,
        &release,
        "drawing.svg",
        &[("accept-encoding", "br, gzip, zstd")],
    )
    .await;
    assert_eq!((whole.status.as_u16(), whole.body.len()), (200, DRAWING_BYTES));
    assert!(whole.body == drawing);
    // Compressing it would occupy a processor for seconds.
    assert!(!whole.headers.contains_key("content-encoding"));
    assert_eq!(whole.headers["content-type"], "image/svg+xml");
    let policy = whole.headers["content-security-policy"].to_str().unwrap();
    let directory = url(release.content_hash(), "");
    assert!(
        policy.contains(&format!("script-src ui.test:8443{directory};")),
        "{policy}"
    );
    assert!(policy.ends_with("sandbox allow-scripts allow-forms"), "{policy}");
    let part = get(&world, &release, "drawing.svg", &[("range", "bytes=49999990-")]).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, &drawing[49_999_990..]);
}

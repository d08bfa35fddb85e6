//! Pages of extensions in a real browser: the scripts of this directory in Debian's Chromium.

use alga_harness::{root, run_in_browser, run_in_browser_with, sign_in_with_browser};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Runs the cases of a script.
async fn run(script: &str) {
    let text = run_in_browser(script).await;
    println!("{text}");
    assert!(text.contains("ok "), "no case ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_their_host_application_follow_the_protocol() {
    run("protocol.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_pages_reach_nothing_that_is_not_theirs() {
    run("hostile.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kit_is_accessible_in_every_theme_width_and_direction() {
    run("kit.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_works_with_the_page_of_an_extension() {
    run("journey.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_with_a_link_and_out() {
    run("session.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_at_an_openid_provider_of_another_site() {
    let text = sign_in_with_browser("sign_in.mjs", json!({ "alga_kind": "ops" })).await;
    println!("{text}");
    assert!(text.contains("ok "), "no case ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_has_an_origin_of_its_own_in_a_browser() {
    let text = run_in_browser_with("own_origin.mjs", &[("ui_root", "localhost")]).await;
    println!("{text}");
    assert!(text.contains("ok "), "no case ran");
}

/// Returns the bytes of these modules and of all that they import, each compressed.
fn loaded(directory: &Path, modules: &[&str]) -> usize {
    let mut left: Vec<PathBuf> = modules.iter().map(|module| directory.join(module)).collect();
    let mut sizes = BTreeMap::new();
    while let Some(path) = left.pop() {
        let path = path.canonicalize().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let imports = text.split("from \"").chain(text.split("import \""));
        let imports = imports
            .filter_map(|rest| rest.split('"').next())
            .filter(|name| name.starts_with('.'));
        left.extend(
            imports
                .map(|name| path.parent().unwrap().join(name))
                .filter(|path| !sizes.contains_key(path)),
        );
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        sizes.insert(path, encoder.finish().unwrap().len());
    }
    sizes.values().sum()
}

#[test]
fn the_packages_are_as_small_as_promised() {
    let packages = root().join("guest-sdk");
    for (directory, modules, most) in [
        ("iframe/dist", &["index.js"][..], 6_000),
        ("ui-kit/dist", &["button.js", "dialog.js"], 15_000),
        ("ui-kit/dist", &["index.js"], 60_000),
    ] {
        let bytes = loaded(&packages.join(directory), modules);
        println!("{directory} {modules:?}: {bytes} bytes compressed");
        assert!((1_000..=most).contains(&bytes), "{directory} {modules:?}: {bytes}");
    }
}

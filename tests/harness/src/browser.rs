//! Pages of extensions in a real browser: a host application, the gateway and the runner on sockets
//! of different origins, and a script that uses them in Debian's Chromium.

use crate::{Release, SignInProvider, TestPlatform, component, root, target, tenant_id};
use alga_auth::{Access, Caller};
use alga_registry_types::create_console_link;
use alga_server::{Listener, ServeLimits, serve};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

/// Time for the cases of one script on a busy host.
const LONGEST: Duration = Duration::from_secs(300);

fn browser(path: &str) -> PathBuf {
    root().join("tests/browser").join(path)
}

/// Returns the files of a directory and those below it, for this place in a bundle.
fn files(directory: &Path, place: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
    let files = entries.flat_map(|path| {
        let name = format!("{place}{}", path.file_name().unwrap().to_str().unwrap());
        match path.is_dir() {
            true => files(&path, &format!("{name}/")),
            false => vec![(name, fs::read(path).unwrap())],
        }
    });
    files.collect()
}

/// Returns the files of a page: those of a directory, and the SDK and the kit that it imports.
fn page(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let packages = root().join("guest-sdk");
    let parts = [
        (directory.to_path_buf(), "ui/"),
        (packages.join("iframe/dist"), "ui/sdk/"),
        (packages.join("ui-kit/dist"), "ui/kit/"),
    ];
    parts
        .iter()
        .flat_map(|(directory, place)| files(directory, place))
        .collect()
}

/// Publishes and installs the gallery, a page alone; returns its content hash.
async fn install_gallery(world: &TestPlatform) -> String {
    let example = root().join("examples/gallery");
    let manifest = fs::read(example.join("manifest.json")).unwrap();
    let manifest = serde_json::from_slice(&manifest).unwrap();
    publish(world, &manifest, page(&example.join("ui")), &[]).await
}

/// Publishes and installs the example with a component and a page; returns its content hash.
async fn install_agreements(world: &TestPlatform) -> String {
    let example = root().join("examples/agreements");
    let manifest: Value = serde_json::from_slice(&fs::read(example.join("manifest.json")).unwrap()).unwrap();
    let mut files = page(&example.join("ui"));
    files.push(("dist/main.wasm".to_owned(), component("agreements")));
    publish(world, &manifest, files, &["cap:storage.kv", "cap:ui.proxy"]).await
}

async fn publish(world: &TestPlatform, manifest: &Value, files: Vec<(String, Vec<u8>)>, grants: &[&str]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
        .collect();
    let release = Release::signed(world.key(), Release::pack_files(manifest, &files));
    world.publish(&release).await;
    world.install("acme", &release, grants).await.ok();
    release.content_hash().to_string()
}

/// Publishes and installs an extension with a page; returns its content hash.
async fn install(world: &TestPlatform, name: &str, guest: &str, grants: &[&str]) -> String {
    let mut manifest = Release::manifest(&format!("com.example.{name}"), "1.0.0", grants);
    manifest["ui"] = json!({ "type": "iframe", "entry": "ui/index.html", "hooks": { "appMenu": { "label": "Page" } } });
    let mut files = page(&browser("page"));
    files.push(("dist/main.wasm".to_owned(), component(guest)));
    publish(world, &manifest, files, grants).await
}

/// Builds the routes of the host application. Its own policy allows frames of the platform alone.
fn host(world: Arc<TestPlatform>, alga: &str, hashes: &BTreeMap<&str, String>) -> Router {
    let policy = format!(
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; connect-src 'self' {alga}; frame-src {alga} http://*.localhost:*"
    );
    let settings = json!({
        "alga": alga, "extension": "com.example.page", "contentHash": hashes["page"], "hashes": hashes,
    });
    let file = move |path: PathBuf, kind: &'static str| {
        let policy = policy.clone();
        get(move || async move {
            let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_SECURITY_POLICY, policy)];
            (headers, fs::read(path).unwrap()).into_response()
        })
    };
    let mut router = Router::new()
        .route("/", file(browser("host/index.html"), "text/html"))
        .route("/host.js", file(browser("host/host.js"), "text/javascript"))
        .route(
            "/evil.html",
            get(|| async { ([(CONTENT_TYPE, "text/html")], fs::read(browser("evil.html")).unwrap()) }),
        )
        .route("/settings", get(move || async move { Json(settings) }))
        .route("/session", get(move || async move { Json(session(&world)) }));
    for entry in fs::read_dir(root().join("guest-sdk/host/dist")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        router = router.route(&format!("/sdk/{name}"), file(entry.path(), "text/javascript"));
    }
    router
}

fn session(world: &TestPlatform) -> Value {
    let caller = Caller {
        access: Access::Write,
        ..Caller::developer(tenant_id("acme"))
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    json!({ "token": world.token_of(&caller), "expires_at": (now.as_secs() + 60) * 1000 })
}

/// Returns the origin of each install below `localhost`, by the name of its extension.
async fn pages_of_own_origins(world: &TestPlatform, port: u16) -> Value {
    let list = alga_registry_types::installs(&tenant_id("acme"), &alga_registry_types::Page::default());
    let installs = world.operate(&list).await.ok().installs;
    installs
        .iter()
        .map(|install| {
            let origin = format!("http://{}.localhost:{port}", install.id);
            (install.name.to_string(), Value::from(origin))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Runs a script of `tests/browser` with Node, against a platform of its own, and returns what it
/// prints. Needs the packages that `cargo xtask` installs, Node and Chromium.
///
/// # Panics
/// Panics if the script fails.
pub async fn run_in_browser(script: &str) -> String {
    run_in_browser_with(script, &[]).await
}

/// Does the same with additional settings of the platform.
///
/// # Panics
/// Panics if the script fails.
pub async fn run_in_browser_with(script: &str, more: &[(&str, &str)]) -> String {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &ServeLimits::default()).unwrap();
    run_at(listener, script, more).await
}

/// Runs a script against a platform whose users sign in at this provider's site.
///
/// # Panics
/// Panics if the script fails.
pub async fn sign_in_with_browser(script: &str, claims: Value) -> String {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &ServeLimits::default()).unwrap();
    let callback = format!("http://{}/auth/callback", listener.local_addr().unwrap());
    let provider = SignInProvider::start(&callback).await;
    provider.script(|script| script.claims = claims);
    let (settings, _directory) = provider.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    run_at(listener, script, &settings).await
}

async fn run_at(listener: Listener, script: &str, more: &[(&str, &str)]) -> String {
    let limits = ServeLimits::default();
    let own = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", own.local_addr().unwrap());
    let alga = format!("http://{}", listener.local_addr().unwrap());
    let mut settings = vec![
        ("gateway_origins", origin.as_str()),
        ("ui_frame_ancestors", &origin),
        ("gateway_requests_per_second", "100000"),
    ];
    settings.extend(more);
    let world = TestPlatform::with_settings(&settings).await;
    let mut hashes = BTreeMap::new();
    for (name, guest, grants) in [
        ("page", "echoes_the_request", &["cap:ui.proxy"][..]),
        ("slow", "sleeps_for_an_hour", &["cap:ui.proxy"]),
        ("denied", "answers_ok", &[]),
    ] {
        hashes.insert(name, install(&world, name, guest, grants).await);
    }
    hashes.insert("gallery", install_gallery(&world).await);
    hashes.insert("agreements", install_agreements(&world).await);
    let pages = pages_of_own_origins(&world, listener.local_addr().unwrap().port()).await;
    let link = world.operate(&create_console_link()).await.ok().path;
    tokio::spawn(serve(listener, world.router(), limits, pending()));
    let host = host(Arc::new(world), &alga, &hashes);
    tokio::spawn(async move { axum::serve(own, host).await });
    let mut node = Command::new("node");
    node.env("PAGES", pages.to_string());
    node.arg(browser(script))
        .env("HOST", &origin)
        .env("ALGA", &alga)
        .env("LINK", link);
    node.env("SCREENSHOTS", target().join("screenshots"));
    if std::env::var_os("ALGA_TEST_WEB").is_none() {
        node.env("ALGA_TEST_WEB", target().join("web"));
    }
    let node = node
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output = timeout(LONGEST, node).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

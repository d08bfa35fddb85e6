//! Pages of extensions: `GET|HEAD /ext-ui/{extension}/{content_hash}/{path…}`.

use alga_bundle::Digest;
use alga_harness::{Release, TestPlatform, TestResponse, component, tenant_id};
use alga_registry_types::{Install, Page, disable, enable, installs};
use axum::body::Body;
use flate2::read::GzDecoder;
use http::Request;
use serde_json::json;
use sha2::Digest as _;
use std::io::Read;

pub(crate) const NAME: &str = "com.example.page";
pub(crate) const ENTRY: &[u8] = b"<!doctype html><title>Page</title><script type=module src=app.js></script>";

/// A script that compresses well.
fn script() -> Vec<u8> {
    "export const value = 'the same line again';\n".repeat(500).into_bytes()
}

fn release(world: &TestPlatform, version: &str) -> Release {
    let mut manifest = Release::manifest(NAME, version, &[]);
    manifest["ui"] = json!({ "type": "iframe", "entry": "ui/index.html", "hooks": { "appMenu": { "label": "Page" } } });
    let script = script();
    let image = [0x89, b'P', b'N', b'G'].repeat(300);
    let component = component("answers_ok");
    let files: [(&str, &[u8]); 8] = [
        ("dist/main.wasm", &component),
        ("ui/index.html", ENTRY),
        ("ui/app.js", &script),
        ("ui/logo.png", &image),
        ("ui/nested/data.json", b"{}"),
        ("ui/empty.txt", b""),
        ("ui/table.unknown", b"<script>1</script>"),
        ("sbom.spdx.json", b"{}"),
    ];
    manifest["sbom"] = json!("sbom.spdx.json");
    Release::signed(world.key(), Release::pack_files(&manifest, &files))
}

/// A platform on which the page is published and installed.
pub(crate) async fn world(settings: &[(&str, &str)]) -> (TestPlatform, Release) {
    let world = TestPlatform::with_settings(settings).await;
    let release = release(&world, "1.0.0");
    world.publish(&release).await;
    world.install("acme", &release, &[]).await.ok();
    (world, release)
}

async fn only_install(world: &TestPlatform) -> Install {
    let list = world
        .operate(&installs(&tenant_id("acme"), &Page::default()))
        .await
        .ok();
    list.installs.into_iter().next().unwrap()
}

async fn ask(world: &TestPlatform, method: &str, target: &str, fields: &[(&str, &str)]) -> TestResponse {
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "ui.test:8443");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

pub(crate) fn url(hash: Digest, path: &str) -> String {
    format!("/ext-ui/{NAME}/{hash}/{path}")
}

pub(crate) async fn get(world: &TestPlatform, release: &Release, path: &str, fields: &[(&str, &str)]) -> TestResponse {
    ask(world, "GET", &url(release.content_hash(), path), fields).await
}

pub(crate) fn field<'a>(response: &'a TestResponse, name: &str) -> &'a str {
    response.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn tag(bytes: &[u8], suffix: &str) -> String {
    format!("\"sha256-{}{suffix}\"", hex::encode(sha2::Sha256::digest(bytes)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_page_is_served_with_its_type_and_is_immutable() {
    let (world, release) = world(&[]).await;
    let script = script();
    for (path, kind, bytes) in [
        ("index.html", "text/html; charset=utf-8", ENTRY),
        ("app.js", "text/javascript; charset=utf-8", &script),
        ("nested/data.json", "application/json; charset=utf-8", b"{}"),
        ("empty.txt", "text/plain; charset=utf-8", b""),
    ] {
        let response = get(&world, &release, path, &[]).await;
        assert_eq!(
            (response.status.as_u16(), response.body.as_slice()),
            (200, bytes),
            "{path}"
        );
        assert_eq!(field(&response, "content-type"), kind);
        assert_eq!(field(&response, "etag"), tag(bytes, ""));
        assert_eq!(field(&response, "cache-control"), "public, max-age=31536000, immutable");
        let head = ask(&world, "HEAD", &url(release.content_hash(), path), &[]).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
        for name in [
            "content-type",
            "etag",
            "content-length",
            "cache-control",
            "content-security-policy",
        ] {
            assert_eq!(field(&head, name), field(&response, name), "{path}: {name}");
        }
        let known = get(&world, &release, path, &[("if-none-match", &tag(bytes, ""))]).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        assert_eq!(field(&known, "cache-control"), "public, max-age=31536000, immutable");
    }
    assert_eq!(
        field(&get(&world, &release, "logo.png", &[]).await, "content-type"),
        "image/png"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_without_a_file_extension_is_the_entry_page() {
    let (world, release) = world(&[]).await;
    for path in [
        "",
        "agreements",
        "agreements/42",
        "agreements/a%20b",
        "nested/",
        "sha256:x",
    ] {
        let response = get(&world, &release, path, &[]).await;
        assert_eq!(
            (response.status.as_u16(), response.body.as_slice()),
            (200, ENTRY),
            "{path}"
        );
    }
    let bare = ask(
        &world,
        "GET",
        &format!("/ext-ui/{NAME}/{}?path=%2Fx", release.content_hash()),
        &[],
    )
    .await;
    assert_eq!(bare.status, 308);
    assert_eq!(field(&bare, "location"), url(release.content_hash(), "?path=%2Fx"));
    for path in [
        "missing.js",
        "nested/missing.css",
        "agreements/a.b",
        "manifest.json",
        "../manifest.json",
        "dist/main.wasm",
    ] {
        let response = get(&world, &release, path, &[]).await;
        assert!(
            matches!(response.status.as_u16(), 400 | 404),
            "{path}: {}",
            response.status
        );
        assert_eq!(field(&response, "cache-control"), "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_the_smallest_copy_that_it_can_decode() {
    let (world, release) = world(&[]).await;
    let script = script();
    for (accepted, encoding) in [
        ("br, gzip, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("deflate", ""),
        ("*", ""),
    ] {
        let response = get(&world, &release, "app.js", &[("accept-encoding", accepted)]).await;
        assert_eq!(
            (response.status.as_u16(), field(&response, "content-encoding")),
            (200, encoding),
            "{accepted}"
        );
        assert_eq!(field(&response, "vary"), "accept-encoding");
        let decoded = match encoding {
            "br" => {
                let mut decoded = Vec::new();
                brotli::Decompressor::new(response.body.as_slice(), 4096)
                    .read_to_end(&mut decoded)
                    .unwrap();
                decoded
            }
            "zstd" => zstd::decode_all(response.body.as_slice()).unwrap(),
            "gzip" => {
                let mut decoded = Vec::new();
                GzDecoder::new(response.body.as_slice())
                    .read_to_end(&mut decoded)
                    .unwrap();
                decoded
            }
            _ => response.body.clone(),
        };
        assert_eq!(decoded, script, "{accepted}");
        let suffix = if encoding.is_empty() {
            String::new()
        } else {
            format!("-{encoding}")
        };
        assert_eq!(field(&response, "etag"), tag(&script, &suffix));
        let fields = [
            ("accept-encoding", accepted),
            ("if-none-match", field(&response, "etag")),
        ];
        assert_eq!(get(&world, &release, "app.js", &fields).await.status, 304, "{accepted}");
    }
    // What is compressed already, or small, is sent as it is.
    for path in ["logo.png", "index.html"] {
        let response = get(&world, &release, path, &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(
            (field(&response, "content-encoding"), field(&response, "vary")),
            ("", ""),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_range_of_a_file_is_served_and_a_range_outside_of_it_is_refused() {
    let (world, release) = world(&[]).await;
    let script = script();
    let (length, own) = (script.len(), tag(&script, ""));
    for (range, status, content, body) in [
        ("bytes=0-3", 206, format!("bytes 0-3/{length}"), &script[0..4]),
        (
            "bytes=-2",
            206,
            format!("bytes {}-{}/{length}", length - 2, length - 1),
            &script[length - 2..],
        ),
        ("bytes=0-1, 5-6", 200, String::new(), &script),
        ("bytes=3-1", 200, String::new(), &script),
        ("lines=0-1", 200, String::new(), &script),
    ] {
        let fields = [("range", range), ("accept-encoding", "br, gzip")];
        let response = get(&world, &release, "app.js", &fields).await;
        assert_eq!(
            (response.status.as_u16(), field(&response, "content-range")),
            (status, content.as_str()),
            "{range}"
        );
        assert_eq!(
            (response.body.as_slice(), field(&response, "content-encoding")),
            (body, ""),
            "{range}"
        );
        assert_eq!(
            (field(&response, "etag"), field(&response, "cache-control")),
            (own.as_str(), "public, max-age=31536000, immutable")
        );
    }
    for range in [
        "bytes=999999-",
        "bytes=-0",
        "bytes=99999999999999999999-99999999999999999999",
    ] {
        let refused = get(&world, &release, "app.js", &[("range", range)]).await;
        refused.assert_error(416, "range_not_satisfiable");
        assert_eq!(field(&refused, "content-range"), format!("bytes */{length}"), "{range}");
        assert_eq!(field(&refused, "cache-control"), "no-store");
    }
    for (condition, status) in [
        (own.as_str(), 206),
        ("\"other\"", 200),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 200),
    ] {
        let fields = [("range", "bytes=0-3"), ("if-range", condition)];
        assert_eq!(
            get(&world, &release, "app.js", &fields).await.status,
            status,
            "{condition}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_confines_what_a_browser_makes_of_it() {
    let (world, release) = world(&[("ui_frame_ancestors", "https://app.example.com 'self'")]).await;
    let hash = release.content_hash();
    let own = format!("ui.test:8443/ext-ui/{NAME}/{hash}/");
    for (method, target, status) in [
        ("GET", url(hash, "index.html"), 200),
        ("GET", url(hash, "app.js"), 200),
        ("GET", url(hash, "missing.js"), 404),
        ("GET", url(Digest::of(b"other"), ""), 404),
        ("GET", "/ext-ui/".to_owned(), 404),
        ("GET", "/ext-ui".to_owned(), 404),
        ("GET", "/ext-ui/x/y/z".to_owned(), 404),
        ("POST", url(hash, "index.html"), 405),
        ("OPTIONS", url(hash, "app.js"), 405),
        ("DELETE", "/ext-ui/".to_owned(), 405),
    ] {
        let response = ask(&world, method, &target, &[]).await;
        assert_eq!(response.status, status, "{method} {target}");
        let policy = field(&response, "content-security-policy");
        for directive in [
            "default-src 'none'",
            "connect-src 'none'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors https://app.example.com 'self'",
            "sandbox allow-scripts allow-forms",
        ] {
            assert!(
                policy.split("; ").any(|part| part == directive),
                "{method} {target}: {policy}"
            );
        }
        if target.contains(NAME) && target.contains(&hash.to_string()) {
            assert!(policy.contains(&format!("script-src {own};")), "{policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("allow-same-origin"),
            "{policy}"
        );
        assert_eq!(field(&response, "x-content-type-options"), "nosniff");
        assert_eq!(field(&response, "referrer-policy"), "no-referrer");
        assert_eq!(field(&response, "cross-origin-resource-policy"), "cross-origin");
        assert_eq!(field(&response, "cross-origin-opener-policy"), "same-origin");
        assert!(field(&response, "permissions-policy").contains("camera=()"));
        if status == 405 {
            assert_eq!(field(&response, "allow"), "GET, HEAD");
        }
        assert_eq!(field(&response, "cache-control").contains("immutable"), status == 200);
    }
}

/// Covers U1: a file beside the entry table cannot be named.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_reaches_a_file_that_is_not_the_pages() {
    let (world, release) = world(&[]).await;
    let hash = release.content_hash();
    let dots = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%252e%252e",
        "..%c0%af",
        "%c0%ae%c0%ae",
        "..;",
        "\u{ff0e}\u{ff0e}",
        "...",
        "..%00",
    ];
    let slashes = [
        "/", "%2f", "%2F", "%5c", "\\", "%252f", "%c0%af", "\u{2215}", "\u{ff0f}", "//",
    ];
    for dot in dots {
        for slash in slashes {
            for below in ["manifest.json", "dist/main.wasm", "etc/passwd"] {
                let path: String = format!("{dot}{slash}{dot}{slash}{below}");
                let target = url(hash, &path);
                let Ok(uri) = target.parse::<http::Uri>() else { continue };
                let mut request = Request::get("/").header("host", "ui.test");
                request = request.uri(uri);
                let response = world.send(request.body(Body::empty()).unwrap()).await;
                assert!(
                    matches!(response.status.as_u16(), 400 | 404),
                    "{path:?}: {}",
                    response.status
                );
                let text = response.text();
                assert!(
                    !text.contains("root:") && !text.contains("\"publisher\""),
                    "{path:?}: {text}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_found_by_name_or_id_and_only_while_it_may_be_shown() {
    let (world, release) = world(&[]).await;
    let hash = release.content_hash();
    let install = only_install(&world).await;
    let of = |extension: &str| format!("/ext-ui/{extension}/{hash}/index.html");
    let status = async |target: &str| ask(&world, "GET", target, &[]).await.status.as_u16();
    assert_eq!(status(&of(NAME)).await, 200);
    assert_eq!(status(&of(install.extension_id.as_str())).await, 200);
    // A release is served under the name of its own extension alone.
    let other = world.release("com.example.other", "1.0.0", "answers_ok");
    world.publish(&other).await;
    world.install("acme", &other, &[]).await.ok();
    assert_eq!(status(&of("com.example.other")).await, 404);
    assert_eq!(
        status(&format!(
            "/ext-ui/com.example.other/{}/index.html",
            other.content_hash()
        ))
        .await,
        404
    );
    // Not installed by anyone who has it enabled.
    let acme = tenant_id("acme");
    world.operate(&disable(&acme, install.id.as_str())).await.ok();
    assert_eq!(status(&of(NAME)).await, 404);
    world.operate(&enable(&acme, install.id.as_str())).await.ok();
    assert_eq!(status(&of(NAME)).await, 200);
    // A version that is no install's, while pages of it may still be open.
    let newer = self::release(&world, "2.0.0");
    world.publish(&newer).await;
    assert_eq!(
        status(&format!("/ext-ui/{NAME}/{}/index.html", newer.content_hash())).await,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_has_an_origin_of_its_own_if_the_operator_configures_it() {
    let (world, release) = world(&[("ui_root", "ext.test")]).await;
    let (hash, install) = (release.content_hash(), only_install(&world).await);
    let status = async |host: &str| {
        let request = Request::get(url(hash, "index.html")).header("host", host);
        world.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    assert_eq!(status(&format!("{}.ext.test", install.id)).await, 200);
    assert_eq!(status(&format!("{}.ext.test:8443", install.id)).await, 200);
    for host in [
        "ext.test",
        ".ext.test",
        "other.ext.test",
        "alga.test",
        &format!("{}.ext.test.evil.test", install.id),
        &format!("{}ext.test", install.id),
        &format!("a.{}.ext.test", install.id),
    ] {
        assert!(matches!(status(host).await, 400 | 404), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_was_changed_in_the_store_has_no_page() {
    let (world, release) = world(&[]).await;
    let path = world.directory().join("bundles").join("sha256");
    let path = path
        .join(release.content_hash().to_string().trim_start_matches("sha256:"))
        .join("bundle.tar.zst");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    get(&world, &release, "index.html", &[])
        .await
        .assert_error(404, "not_found");
}

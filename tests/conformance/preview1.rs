//! A core module for WASI preview 1, as C compilers produce it, becomes a component and runs.

use alga_bundle::ComponentFacts;
use alga_capabilities::adapt_function;
use alga_harness::{Release, TestPlatform, root};
use alga_registry_types::{Page, executions};
use alga_toolchain::{encode_component, is_module};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Writes `hello\n` to its output, and responds with as many random bytes.
const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 8)
    (global $free (mut i32) (i32.const 4096))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $address i32)
        (local.set $address (i32.and
            (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
            (i32.sub (i32.const 0) (local.get 2))))
        (global.set $free (i32.add (local.get $address) (local.get 3)))
        (local.get $address))
    (data (i32.const 64) "\00\01\00\00\06\00\00\00")
    (data (i32.const 256) "hello\0a")
    ;; A response with status 200, no fields, and six bytes at 512.
    (data (i32.const 128) "\00\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\00\02\00\00\06\00\00\00")
    (func (export "alga:http/handler@1.0.0#handle") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)))
        (if (call $random (i32.const 512) (i32.const 6)) (then unreachable))
        ;; There are no files.
        (if (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 5)
                (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 76)))
            (then unreachable))
        (i32.const 128)))"#;

fn module() -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_path(root().join("wit/deps/alga-http")).unwrap();
    let world = "package test:guest; world guest { export alga:http/handler@1.0.0; }";
    let package = resolve.push_str("world.wit", world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(MODULE).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_for_preview_1_becomes_a_component_without_files() {
    let module = module();
    assert!(is_module(&module));
    let component = encode_component(&module).unwrap();
    assert!(!is_module(&component));
    let component = adapt_function(&component).unwrap().unwrap().component;
    let imports = ComponentFacts::read(&component).unwrap().imports;
    let has = |part: &str| imports.keys().any(|name| name.contains(part));
    assert!(has("wasi:cli/stdout") && has("wasi:random/random"), "{imports:?}");
    assert!(!has("wasi:filesystem") && !has("wasi:sockets"), "{imports:?}");
    let world = TestPlatform::new().await;
    let manifest = Release::manifest("com.example.module", "1.0.0", &["cap:log.emit"]);
    let release = Release::new(world.key(), &manifest, &component);
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    let first = world.get("com.example.module/").await;
    let second = world.get("com.example.module/").await;
    assert_eq!((first.status.as_u16(), first.body.len()), (200, 6), "{}", first.text());
    assert_ne!(first.body, second.body, "random bytes are new in each execution");
    world.platform().settle().await;
    let page = executions(&install.tenant_id, install.id.as_str(), &Page::default());
    let records = world.operate(&page).await.ok().executions;
    let line = &records[0].log[0];
    assert_eq!((line.source.as_str(), line.message.as_str()), ("stdout", "hello"));
}

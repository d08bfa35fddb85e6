//! Hostile extensions in JavaScript, and components that import an engine. Each extension gets its
//! error within its limits, and the next request works.

use alga_bundle::{Bundle, Digest, engine_import_name};
use alga_capabilities::known;
use alga_harness::{ExecuteRequest, Release, TestPlatform, TestResponse, javascript};
use alga_javascript::Engine;
use std::collections::BTreeSet;

async fn installed(world: &TestPlatform, name: &str, source: &str) -> ExecuteRequest {
    let component = javascript(source).unwrap_or_else(|error| panic!("{name}: {error}"));
    let manifest = Release::manifest(&format!("com.example.{name}"), "1.0.0", &["cap:log.emit"]);
    let release = Release::new(world.key(), &manifest, &component);
    world.publish(&release).await;
    let install = world.install("acme", &release, &[]).await.ok();
    world.request_for(&install).on("POST", "/a").within_ms(10_000)
}

/// Returns whether an execution has failed as an extension does whose code fails. What recurses
/// within the engine's own functions ends at the host's limit of the stack.
fn is_failure(response: &TestResponse) -> bool {
    response.code() == "stack_limit"
        || response.json()["status"] == 500 && response.guest_body().contains(r#""error":"internal""#)
}

#[tokio::test]
async fn what_a_handler_throws_is_an_internal_error_and_its_text_is_in_the_log_alone() {
    let world = TestPlatform::new().await;
    let thrown = [
        ("throws", "() => { throw new Error('a secret reason'); }"),
        (
            "rejects",
            "async () => { await null; throw new Error('a secret reason'); }",
        ),
        ("throws-a-string", "() => { throw 'a secret reason'; }"),
        (
            "throws-a-proxy",
            "() => { throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } }); }",
        ),
        ("returns-nothing", "() => undefined"),
        ("returns-another", "() => ({ status: 200 })"),
        ("never", "() => new Promise(() => {})"),
        (
            "throws-in-a-getter",
            "() => ({ then() { throw new Error('a secret reason'); } })",
        ),
        (
            "throws-before-the-body",
            "() => new Response((async function* () { throw new Error('a secret reason'); })(), { status: 99 })",
        ),
        (
            "recurses",
            "() => { const deeper = () => deeper() + 1; return new Response(String(deeper())); }",
        ),
        (
            "recurses-in-json",
            "() => { let a = {}; for (let i = 0; i < 1e5; i += 1) a = { a }; return Response.json(a); }",
        ),
        (
            "invalid-header",
            "() => new Response('a', { headers: { a: 'b\\r\\nset-cookie: c' } })",
        ),
        (
            "timers",
            "async () => { for (let i = 0; i < 1e6; i += 1) setTimeout(() => {}, 1e6); return new Response('a'); }",
        ),
        (
            "too-much-memory",
            "() => { const all = []; for (;;) all.push(new Uint8Array(1e6)); }",
        ),
        ("a-long-string", "() => new Response('a'.repeat(2 ** 29))"),
    ];
    for (name, handler) in thrown {
        let request = installed(&world, name, &format!("export default {handler};")).await;
        let response = world.execute(&request).await;
        assert!(is_failure(&response), "{name}: {}", response.text());
        assert!(!response.text().contains("secret"), "{name}: {}", response.text());
    }
    let good = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&good).await.guest_body(), "ok");
}

#[tokio::test]
async fn loops_and_memory_in_javascript_end_at_the_limits_of_an_execution() {
    let world = TestPlatform::new().await;
    let loops = [
        ("loops", "() => { for (;;); }"),
        ("loops-in-microtasks", "async () => { for (;;) await null; }"),
        ("loops-in-timers", "() => new Promise(() => setInterval(() => {}, 0))"),
        (
            "backtracks",
            "() => new Response(String(/^(a+)+$/.test('a'.repeat(40) + 'b')))",
        ),
    ];
    for (name, handler) in loops {
        let request = installed(&world, name, &format!("export default {handler};")).await;
        // The first request loads the extension, which counts against its deadline.
        world.execute(&request.clone().within_ms(100)).await;
        let response = world.execute(&request.within_ms(500)).await;
        response.assert_error(504, "deadline_exceeded");
    }
}

#[tokio::test]
async fn nothing_of_one_request_is_in_the_next_and_randomness_is_fresh() {
    let world = TestPlatform::new().await;
    let source = "
        let count = 0;
        const seen = new Map();
        export default async (request) => {
            count += 1;
            seen.set(await request.text(), count);
            globalThis.left ??= count;
            Array.prototype.left = (Array.prototype.left ?? 0) + 1;
            Math.max.left = (Math.max.left ?? 0) + 1;
            const values = [Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(16)).join()];
            return Response.json({ left: [count, seen.size, globalThis.left, [].left, Math.max.left], values });
        };";
    let request = installed(&world, "counts", source).await;
    let mut values: [BTreeSet<String>; 3] = Default::default();
    for number in 0..1_000 {
        let request = request.clone().with("/http/body_b64", format!("{number:04}").into());
        let body: serde_json::Value = serde_json::from_str(&world.execute(&request).await.guest_body()).unwrap();
        assert_eq!(body["left"], serde_json::json!([1, 1, 1, 1, 1]));
        for (seen, value) in values.iter_mut().zip(body["values"].as_array().unwrap()) {
            seen.insert(value.to_string());
        }
    }
    assert_eq!(values.map(|seen| seen.len()), [1_000, 1_000, 1_000]);
}

#[tokio::test]
async fn extensions_that_change_what_the_engine_is_built_of_harm_only_themselves() {
    let world = TestPlatform::new().await;
    let source = "
        Object.prototype.then = undefined;
        Object.defineProperty(Object.prototype, 'status', { get() { return 418; }, set() {} });
        Array.prototype[Symbol.iterator] = function* () { yield 'changed'; };
        Response.prototype.constructor = null;
        Promise.prototype.catch = null;
        globalThis.Response = globalThis.Request = globalThis.Headers = class {};
        Map.prototype.get = Set.prototype.has = JSON.stringify = String.prototype.toLowerCase = () => { throw new Error('changed'); };
        export default () => ({});";
    let request = installed(&world, "changes", source).await;
    let response = world.execute(&request).await;
    assert!(is_failure(&response), "{}", response.text());
    let other = installed(&world, "unchanged", "export default () => new Response('unchanged');").await;
    assert_eq!(world.execute(&other).await.guest_body(), "unchanged");
}

#[tokio::test]
async fn five_megabytes_of_source_are_an_extension() {
    let world = TestPlatform::new().await;
    let mut source = "const table = {\n".to_owned();
    for number in 0..60_000 {
        source.push_str(&format!(
            "f{number}(a) {{ const text = 'value {number}'; return a ? text + a : table.f0(1) + {number}; }},\n"
        ));
    }
    assert!(source.len() > 5_000_000, "{}", source.len());
    source.push_str("};\nexport default () => new Response(table.f59999('!'));");
    let request = installed(&world, "large", &source).await;
    let response = world.execute(&request).await;
    assert_eq!(response.guest_body(), "value 59999!", "{}", response.text());
}

#[test]
fn an_engine_that_the_host_does_not_ship_is_refused_and_one_inside_a_component_is_not_the_hosts() {
    let engine = Engine::current().unwrap();
    let manifest = Release::manifest("com.example.engine", "1.0.0", &["cap:log.emit"]);
    let good = javascript("export default () => new Response('a');").unwrap();
    let read = |component: &[u8]| Bundle::read(&Release::pack(&manifest, component), known());
    assert_eq!(
        read(&good).unwrap().proof().engine.as_deref(),
        Some(engine.import_name())
    );
    let other = engine_import_name(&Digest::of(b"another engine"));
    let renamed = replaced(&good, engine.import_name().as_bytes(), other.as_bytes());
    let error = format!("{:#}", alga_errors::chain(&read(&renamed).unwrap_err()));
    assert!(
        error.contains("no engine of this host") && error.contains("build it again"),
        "{error}"
    );
    // A component that contains an engine under the name: nothing is imported, so nothing is
    // linked.
    let name = engine.import_name();
    let own = format!(
        r#"(component
            (component $inner (import "{name}" (core module $m (export "f" (func)))) (core instance (instantiate $m)))
            (core module $own (func (export "f") unreachable))
            (instance (instantiate $inner (with "{name}" (core module $own)))))"#
    );
    let facts = alga_bundle::ComponentFacts::read(&wat::parse_str(own).unwrap()).unwrap();
    assert_eq!(facts.engine, None);
}

#[tokio::test]
async fn a_component_that_imports_the_engine_with_other_types_is_refused() {
    let world = TestPlatform::new().await;
    let name = Engine::current().unwrap().import_name().to_owned();
    let component = wat::parse_str(format!(
        r#"(component
            (import "{name}" (core module $engine (export "other" (func))))
            (core instance (instantiate $engine))
            (instance $handler)
            (export "wasi:http/incoming-handler@0.2.12" (instance $handler)))"#
    ))
    .unwrap();
    let manifest = Release::manifest("com.example.other", "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, &component);
    world.try_publish(&release).await.assert_error(422, "component_invalid");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

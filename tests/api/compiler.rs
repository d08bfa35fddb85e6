//! The compiler's own limits, each exceeded by a component, and hostile components under the
//! production limits.

use alga_engine::{CompileError, CompileFault, Compiler, CompilerLimits};
use alga_harness::{Release, TestPlatform, component, program};
use std::time::Duration;

/// Export that every extension has.
const HANDLER: &str = r#"(instance $handler) (export "wasi:http/incoming-handler@0.2.12" (instance $handler))"#;

/// Returns a function with 20 000 indirect calls: 100 kB that compile in ten seconds; every
/// doubling multiplies that by four.
fn large_function() -> Vec<u8> {
    let calls = "(call_indirect (i32.const 0))".repeat(20_000);
    component_of(&format!("(table 1 funcref) (func {calls})"))
}

fn component_of(module: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (core module {module}) {HANDLER})")).unwrap()
}

async fn too_costly(limits: CompilerLimits, component: &[u8], what: &str) {
    let ended = Compiler::new(&program("alga-compiler"), limits)
        .compile(component)
        .await;
    assert!(
        matches!(&ended, Err(CompileError::TooCostly(output)) if output.contains(what)),
        "{:?}",
        ended.err()
    );
}

#[tokio::test]
async fn a_component_that_exceeds_compile_time_or_memory_is_too_costly() {
    let (limits, large) = (CompilerLimits::default(), large_function());
    let seconds = CompilerLimits {
        processor_seconds: 1,
        ..limits
    };
    too_costly(seconds, &large, "CPU time").await;
    let memory = CompilerLimits {
        address_space_bytes: 64 * 1024 * 1024,
        ..limits
    };
    too_costly(memory, &large, "address space").await;
    let wall = CompilerLimits {
        wall: Duration::from_millis(1),
        ..limits
    };
    let late = Compiler::new(&program("alga-compiler"), wall)
        .compile(&large)
        .await
        .unwrap_err();
    assert_eq!(late.fault(), CompileFault::Busy, "{late}");
    let text = late.to_string();
    assert!(text.contains("wall clock") && text.contains("of CPU time"), "{text}");
    let code = CompilerLimits {
        code_bytes: 1_000,
        ..limits
    };
    too_costly(code, &component("answers_ok"), "machine code").await;
    let own = Compiler::new(&program("alga-compiler"), limits);
    assert!(
        own.compile(&component("answers_ok")).await.is_ok(),
        "the next one compiles"
    );
}

#[tokio::test]
async fn a_compiler_that_cannot_start_is_the_operators_fault() {
    let absent = Compiler::new("".as_ref(), CompilerLimits::default());
    let missing = absent.compile(&component("answers_ok")).await.err().unwrap();
    assert_eq!(missing.fault(), CompileFault::Absent, "{missing}");
    let nowhere = Compiler::new("/nowhere/alga-compiler".as_ref(), CompilerLimits::default());
    let ended = nowhere.compile(&component("answers_ok")).await;
    assert!(matches!(ended, Err(CompileError::Spawn { .. })));
    // Not even the component could be read: no component is at fault.
    let no_capacity = CompilerLimits {
        address_space_bytes: 1024 * 1024,
        ..CompilerLimits::default()
    };
    // More than a pipe holds.
    let ended = Compiler::new(&program("alga-compiler"), no_capacity)
        .compile(&component("javascript"))
        .await;
    assert!(matches!(ended, Err(CompileError::Pipe(_))), "{ended:?}");
}

/// Wall time is the host's fault, CPU time the publisher's; each message names the limit and
/// the amount used.
#[tokio::test]
async fn a_busy_host_is_distinguished_from_a_costly_component() {
    let large = component("javascript");
    let publish = async |setting: (&str, &str)| {
        let world = TestPlatform::with_settings(&[setting]).await;
        let manifest = Release::manifest("com.example.large", "1.0.0", &["cap:http.fetch"]);
        let release = Release::new(world.key(), &manifest, &large);
        world.try_publish(&release).await
    };
    let busy = publish(("compiler_wall_seconds", "1")).await;
    busy.assert_error(503, "compiler_busy");
    assert_eq!(busy.headers["retry-after"], "60");
    for part in [
        "1 s on the wall clock",
        "of its 120 s of CPU time",
        "retry later with the same bytes",
    ] {
        assert!(busy.text().contains(part), "{part}: {}", busy.text());
    }
    let costly = publish(("compiler_seconds", "1")).await;
    costly.assert_refused(422, "component_invalid", "1 s of CPU time (ALGA_COMPILER_SECONDS)");
}

/// wasmtime enables more proposals than extensions may use. The bundle reader and the compiler must
/// accept the same ones.
#[tokio::test]
async fn compiler_and_bundle_reader_accept_the_same_wasm_proposals() {
    let compiler = Compiler::new(&program("alga-compiler"), CompilerLimits::default());
    for (proposal, module, is_accepted) in [
        ("the core", "(func (result i32) (i32.const 0))", true),
        ("SIMD", "(func (result v128) (v128.const i64x2 0 0))", true),
        (
            "bulk memory",
            "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
            true,
        ),
        (
            "reference types",
            "(table 1 funcref) (func (drop (ref.null func)))",
            true,
        ),
        ("references to values of the host", "(table 1 externref)", false),
        ("tail calls", "(func $f (return_call $f))", true),
        (
            "extended constants",
            "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
            true,
        ),
        (
            "function references",
            "(type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0)))",
            false,
        ),
        ("garbage collection", "(type (struct (field i32)))", false),
        ("exceptions", "(tag)", false),
        ("threads", "(memory 1 1 shared)", false),
        ("64-bit memory", "(memory i64 1)", false),
        (
            "relaxed SIMD",
            "(func (param v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))",
            false,
        ),
        ("custom page sizes", "(memory 1 (pagesize 1))", false),
        (
            "wide arithmetic",
            "(func (param i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 0)))",
            false,
        ),
        ("stack switching", "(type $f (func)) (type $c (cont $f))", false),
    ] {
        let component = component_of(module);
        let is_read = alga_bundle::ComponentFacts::read(&component).is_ok();
        let compiled = compiler.compile(&component).await;
        assert_eq!(
            (is_read, compiled.is_ok()),
            (is_accepted, is_accepted),
            "{proposal}: {:?}",
            compiled.err()
        );
    }
}

/// Returns a component of two components, one of which calls the other with a variant of many
/// cases: the code between them depends on all of them.
fn many_cases(cases: usize) -> Vec<u8> {
    let cases: String = (0..cases)
        .map(|case| format!("(case \"c{case}\" (tuple string u{})) ", [8, 16, 32, 64][case % 4]))
        .collect();
    wat::parse_str(format!(
        r#"(component
        (component $callee
            (type $cases (variant {cases})) (export $v "v" (type $cases))
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "f") (param i32 i32 i32 i64)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "x" $v)
                (canon lift (core func $i "f") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))
        (component $caller
            (import "callee" (instance $callee
                (type $cases (variant {cases})) (export "v" (type $v (eq $cases)))
                (export "f" (func (param "x" $v)))))
            (core module $memory (memory (export "memory") 1))
            (core instance $memory (instantiate $memory))
            (alias core export $memory "memory" (core memory $m))
            (core func $f (canon lower (func $callee "f") (memory (core memory $m))))
            (core module $uses (import "" "f" (func (param i32 i32 i32 i64))))
            (core instance (instantiate $uses (with "" (instance (export "f" (func $f)))))))
        (instance $callee (instantiate $callee))
        (instance (instantiate $caller (with "callee" (instance $callee))))
        {HANDLER})"#
    ))
    .unwrap()
}

/// Each component is refused or compiles within the limits; in any case the registry survives and
/// accepts the next release.
#[tokio::test]
async fn compiler_bombs_are_refused_or_compiled_within_the_limits() {
    let world = TestPlatform::with_settings(&[("compiler_seconds", "2")]).await;
    let blocks = format!("(func {} {})", "(block ".repeat(50_000), ")".repeat(50_000));
    let targets = format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(65_000));
    let locals = format!("(func (local {}))", "i32 ".repeat(49_990));
    let modules = "(core module (func (result i32) (i32.const 0)))".repeat(900);
    let functions = "(func (result i32) (i32.const 0))".repeat(100_000);
    for (number, bomb) in [
        component_of(&blocks),
        component_of(&targets),
        component_of(&locals),
        component_of(&functions),
        wat::parse_str(format!("(component {modules} {HANDLER})")).unwrap(),
        many_cases(10_000),
    ]
    .iter()
    .enumerate()
    {
        let manifest = Release::manifest(&format!("com.example.bomb-{number}"), "1.0.0", &[]);
        let release = Release::new(world.key(), &manifest, bomb);
        let response = world.try_publish(&release).await;
        let ended = (response.status.as_u16(), response.code());
        assert!(
            ended == (201, String::new()) || ended == (422, "component_invalid".into()),
            "{number}: {}",
            response.text()
        );
    }
    let last = Release::new(
        world.key(),
        &Release::manifest("com.example.last", "1.0.0", &[]),
        &large_function(),
    );
    let response = world.try_publish(&last).await;
    assert!(response.text().contains("CPU time"), "{}", response.text());
    let good = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&good).await.status, 200);
}

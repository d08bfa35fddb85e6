//! The compiler's own limits, each hit by a component that goes over it; and bombs under the limits that production has.

use alga_engine::{CompileError, Compiler, CompilerLimits};
use alga_harness::{Release, World, component, program};
use std::time::Duration;

/// The export that every extension has.
const HANDLER: &str = r#"(instance $handler) (export "wasi:http/incoming-handler@0.2.12" (instance $handler))"#;

/// One function of 20 000 indirect calls: 100 kB that take ten seconds to compile, and with every doubling four times as long.
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
        matches!(&ended, Err(CompileError::TooCostly(said)) if said.contains(what)),
        "{:?}",
        ended.err()
    );
}

#[tokio::test]
async fn a_component_that_takes_more_processor_time_memory_or_patience_than_allowed_is_too_costly() {
    let (limits, large) = (CompilerLimits::default(), large_function());
    let seconds = CompilerLimits {
        processor_seconds: 1,
        ..limits
    };
    too_costly(seconds, &large, "processor time").await;
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
    assert!(late.is_temporary() && !late.is_publishers(), "{late}");
    let text = late.to_string();
    assert!(
        text.contains("wall clock") && text.contains("of processor time"),
        "{text}"
    );
    let code = CompilerLimits {
        code_bytes: 1_000,
        ..limits
    };
    too_costly(code, &component("answers_ok"), "machine code").await;
    let ours = Compiler::new(&program("alga-compiler"), limits);
    assert!(
        ours.compile(&component("answers_ok")).await.is_ok(),
        "the next one compiles"
    );
}

#[tokio::test]
async fn a_compiler_that_cannot_start_is_the_operators_fault() {
    let nowhere = Compiler::new("/nowhere/alga-compiler".as_ref(), CompilerLimits::default());
    let ended = nowhere.compile(&component("answers_ok")).await;
    assert!(matches!(ended, Err(CompileError::Spawn { .. })));
    // Not even the component could be read: nobody's component is to blame.
    let no_room = CompilerLimits {
        address_space_bytes: 1024 * 1024,
        ..CompilerLimits::default()
    };
    let ended = Compiler::new(&program("alga-compiler"), no_room)
        .compile(&component("answers_ok"))
        .await;
    assert!(matches!(ended, Err(CompileError::Pipe(_))));
}

/// Each is refused or compiles within the limits; in any case the registry lives on and takes the next release.
#[tokio::test]
async fn bombs_for_the_compiler_end_within_its_limits() {
    let world = World::with_settings(&[("compiler_seconds", "2")]).await;
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
    ]
    .iter()
    .enumerate()
    {
        let manifest = Release::manifest(&format!("com.example.bomb-{number}"), "1.0.0", &[]);
        let release = Release::new(world.key(), &manifest, bomb);
        let answer = world.publish_bytes(&release.bundle, Some(&release.signatures)).await;
        let ended = (answer.status.as_u16(), answer.code());
        assert!(
            ended == (201, String::new()) || ended == (422, "component_invalid".into()),
            "{number}: {}",
            answer.text()
        );
    }
    let last = Release::new(
        world.key(),
        &Release::manifest("com.example.last", "1.0.0", &[]),
        &large_function(),
    );
    let answer = world.publish_bytes(&last.bundle, Some(&last.signatures)).await;
    assert!(answer.text().contains("processor time"), "{}", answer.text());
    let good = world.with_guest("answers_ok", &[]).await;
    assert_eq!(world.execute(&good).await.status, 200);
}

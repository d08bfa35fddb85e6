//! The engines that are committed, and what other crates know of them.

use alga_bundle::{shipped_engine, shipped_engines};
use alga_javascript::Engine;
use wasmparser::{Parser, Payload};

#[test]
fn the_registry_knows_the_engine_that_is_committed_and_this_program_has_all_that_it_knows() {
    let engine = Engine::current().unwrap();
    let digest = engine.digest().to_hex();
    assert!(
        shipped_engine(engine.import_name()).is_some(),
        "add {digest} to registry/bundle/src/shared_engine.rs"
    );
    for name in shipped_engines() {
        assert!(Engine::with_import_name(&name).unwrap().is_some(), "{name}");
    }
}

/// `registry/bundle/src/component/requirements.rs` counts an engine without having it.
#[test]
fn an_engine_has_no_memory_and_no_table_and_a_small_record() {
    let mut record = 4_096_usize;
    for payload in Parser::new(0).parse_all(Engine::current().unwrap().module()) {
        match payload.unwrap() {
            Payload::MemorySection(_) | Payload::TableSection(_) | Payload::DataSection(_) => panic!("of its own"),
            Payload::StartSection { .. } => panic!("a start function"),
            Payload::ImportSection(section) => record += section.into_imports().count() * 64,
            Payload::FunctionSection(section) => record += section.count() as usize * 32,
            Payload::GlobalSection(section) => record += section.count() as usize * 16,
            _ => {}
        }
    }
    assert!(record <= 256 * 1024, "{record}");
}

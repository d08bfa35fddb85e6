//! The engine that is committed, and what other crates know of it.

use alga_bundle::shipped_engine;
use alga_javascript::Engine;

#[test]
fn the_registry_knows_the_engine_that_is_committed() {
    let engine = Engine::current().unwrap();
    let digest = engine.digest().to_hex();
    assert!(
        shipped_engine(engine.import_name()).is_some(),
        "add {digest} to registry/bundle/src/shared_engine.rs"
    );
}

//! Builds small extensions without the command line.

use alga_bundle::ComponentFacts;
use alga_javascript::{BuildError, Engine, component, evaluate};

fn built(source: &str) -> Result<(Vec<u8>, Vec<String>), BuildError> {
    let engine = Engine::current()?;
    let snapshot = evaluate(engine, source.as_bytes(), "")?;
    let bytes = component(engine, &snapshot)?;
    let facts = ComponentFacts::read(&bytes).map_err(|error| BuildError::Internal(error.to_string()))?;
    let imports = facts.imports;
    let own = imports.into_keys().filter(|name| name.starts_with("alga:"));
    Ok((bytes, own.collect()))
}

#[test]
fn a_component_imports_the_engine_and_what_its_module_imports_and_the_same_source_gives_the_same_bytes() {
    let hello = "export default () => new Response('hello');";
    let (bytes, imports) = built(hello).unwrap();
    assert_eq!(imports, ["alga:log/logger@1.0.0"]);
    assert_eq!(built(hello).unwrap().0, bytes);
    let (_, imports) = built("import { get } from 'alga:storage/kv'; export default () => get('a', 'b');").unwrap();
    assert_eq!(imports, ["alga:log/logger@1.0.0", "alga:storage/kv@1.0.0"]);
}

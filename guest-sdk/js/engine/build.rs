//! Link arguments of the engine: memory and table belong to the snapshot of an extension.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        for argument in ["--import-memory", "--import-table", "-zstack-size=131072"] {
            println!("cargo::rustc-link-arg-cdylib={argument}");
        }
    }
}

//! The registry's OpenAPI document is accurate: schemathesis, which knows only the document, sends
//! requests that it allows and requests that it forbids, and finds no response that it does not
//! describe.

use crate::crash::prepared;
use crate::operator::Operator;
use alga_harness::{Release, Server, component, root, rounds, target, tenant_id};
use alga_registry_types::install;
use std::fs;
use std::process::Command;

#[test]
fn the_shipped_openapi_document_matches_the_code() {
    let document = format!("{:#}\n", alga_registry_api::openapi());
    let path = root().join("registry/openapi.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let shipped = fs::read_to_string(&path).unwrap_or_default();
    assert!(shipped == document, "`cargo xtask bless` renews registry/openapi.json");
}

#[test]
fn schemathesis_finds_no_deviation_from_the_document() {
    let (directory, key) = prepared();
    let server = Server::start(&directory);
    let operator = Operator::of(&directory, &server);
    let manifest = Release::manifest("com.example.described", "1.0.0", &[]);
    let release = Release::new(&key, &manifest, &component("answers_ok"));
    operator.publish(&release).unwrap().ok();
    let install = install(&tenant_id("acme"), &release.install_request(&[]));
    operator.operate(&install).unwrap().ok();
    let document = operator.get("/v1/registry/openapi.json").unwrap();
    fs::write(directory.join("openapi.json"), document.body).unwrap();
    let values = "[parameters]\ntenant = \"acme\"\nname = \"com.example.described\"\nversion = \"1.0.0\"\ninstall = \"com.example.described\"\n\
        # HTTP ignores unknown header fields, which are extra parameters here.\n\
        [[operations]]\ninclude-name = \"PATCH /v1/registry/uploads/{upload}\"\n\
        generation.allow-extra-parameters = false\n";
    fs::write(directory.join("schemathesis.toml"), values).unwrap();
    let token = fs::read_to_string(directory.join("alga-data/admin.token")).unwrap();
    let examples = rounds(20).to_string();
    let output = Command::new(target().join("python/bin/schemathesis"))
        .args([
            "run",
            "openapi.json",
            "--url",
            server.address(),
            "--no-color",
            "--generation-deterministic",
            "--phases",
            "examples,coverage,fuzzing",
        ])
        // Constraints that the document cannot express (a name must exist, a version must parse)
        // are refused with an error code, which is correct.
        .args([
            "--exclude-checks",
            "positive_data_acceptance",
            "--max-examples",
            &examples,
            "--warnings",
            "off",
        ])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
        .current_dir(&directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

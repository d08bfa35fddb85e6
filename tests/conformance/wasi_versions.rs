//! Components import WASI interfaces in the version that their toolchain has.

use alga_bundle::Bundle;
use alga_capabilities::{adapt_legacy, adapt_standard, known};
use alga_harness::{Release, TestPlatform, component};

/// The version that the guests are built with. Others of the same length replace it in their bytes.
const BUILT_WITH: &str = "@0.2.12";

fn in_version(name: &str, version: &str) -> Vec<u8> {
    let mut bytes = component(name);
    let places: Vec<_> = (0..bytes.len())
        .filter(|place| bytes[*place..].starts_with(BUILT_WITH.as_bytes()))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + version.len()].copy_from_slice(version.as_bytes());
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn components_of_earlier_patch_versions_run_also_behind_adapters() {
    let world = TestPlatform::with_settings(&[("pool", "64")]).await;
    for (number, version) in ["@0.2.10", "@0.2.11"].into_iter().enumerate() {
        let standard = adapt_standard(&in_version("works_with_the_standards_interfaces", version));
        let old = adapt_legacy(&component("echoes_in_the_old_world"));
        for (kind, path, component) in [
            ("direct", "", in_version("answers_ok", version)),
            ("standard", "logging", standard.unwrap().unwrap().component),
            ("old", "", old.unwrap().unwrap()),
        ] {
            let name = format!("com.example.{kind}");
            let capabilities = ["cap:log.emit", "cap:context.read", "cap:storage.kv"];
            let manifest = Release::manifest(&name, &format!("1.0.{number}"), &capabilities);
            let release = Release::new(world.key(), &manifest, &component);
            world.publish(&release).await;
            let tenant = format!("tenant-{number}");
            world.install(&tenant, &release, &capabilities[2..]).await.ok();
            let response = world.call(&tenant, "GET", &format!("{name}/{path}"), "").await;
            assert_eq!(response.status, 200, "{kind} {version}: {}", response.text());
        }
    }
}

#[test]
fn a_component_of_a_later_patch_version_or_of_another_minor_one_is_refused_by_name() {
    for version in ["@0.2.99", "@0.3.12"] {
        let component = in_version("answers_ok", version);
        let manifest = Release::manifest("com.example.later", "1.0.0", &[]);
        let refused = Bundle::read(&Release::pack(&manifest, &component), known()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(&format!("wasi:http/types{version}")), "{text}");
        assert!(text.contains("hint: `alga pack`"), "{text}");
    }
}

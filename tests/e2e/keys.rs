//! API keys as an operator and a publisher use them on the command line.

use super::{alga, done, hello_in};
use alga_harness::Server;
use std::fs;
use tempfile::TempDir;

#[test]
fn a_publisher_publishes_with_its_key_until_the_operator_revokes_it() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    let at = ["--server", server.address()];
    let run = |arguments: &[&str]| done(&directory, &[arguments, &at[..]].concat());
    let create = ["keys", "create", "--kind", "publisher", "--label", "ci"];
    let key = run(&[&create[..], &["--name", "com.example.*"]].concat());
    fs::write(directory.join("ci.key"), &key).unwrap();
    let with_key = ["--token-file", "ci.key"];
    run(&[&["publish"][..], &with_key].concat());
    let listed = run(&["keys", "list"]);
    assert!(
        listed.contains(" publisher com.example.* \"ci\" by operator, expires "),
        "{listed}"
    );
    assert!(!listed.contains(key.trim()), "{listed}");
    let id = listed.split(' ').next().unwrap();

    // A key of a tenant creates no key of the platform.
    let kind = ["keys", "create", "--kind", "tenant_administrator", "--label", "a"];
    let without_tenant = alga(&directory, &[&kind[..], &at].concat());
    let hint = String::from_utf8(without_tenant.stderr).unwrap();
    assert!(hint.contains("hint: pass --tenant"), "{hint}");
    let administrator = run(&[&kind[..], &["--tenant", "acme"]].concat());
    let refused = alga(
        &directory,
        &[
            &create[..],
            &["--name", "com.example.*", "--api-key", administrator.trim()],
            &at,
        ]
        .concat(),
    );
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("403 forbidden"), "{error}");

    run(&["keys", "revoke", id]);
    let refused = alga(&directory, &[&["publish"][..], &with_key, &at].concat());
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("401 unauthenticated"), "{error}");
    assert!(run(&["keys", "list"]).contains("revoked 20"));
    let audit = run(&["audit"]);
    assert!(audit.contains("key.create") && audit.contains("key.revoke"), "{audit}");
}

//! Quotas as an operator sets them on the command line.

use super::{alga, done, hello_in, publish_and_install};
use alga_harness::Server;
use std::fs;
use tempfile::TempDir;

#[test]
fn a_soft_quota_that_is_exceeded_is_in_the_log_and_refuses_nothing() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    publish_and_install(&directory, &server, "demo");
    let at = ["--server", server.address()];
    let quota = [
        "quotas", "set", "--tenant", "demo", "--meter", "requests", "--period", "day", "--soft", "2",
    ];
    done(&directory, &[&quota[..], &at].concat());
    let log = || fs::read_to_string(directory.join("server.log")).unwrap();
    // The server follows changed quotas each second.
    let call = || {
        done(
            &directory,
            &[&["call", "com.example.hello/hello/you"][..], &at].concat(),
        )
    };
    let warns = (0..1_000).any(|_| {
        assert!(call().contains("Hello, you!"));
        log().contains("a soft quota is exceeded")
    });
    assert!(warns, "{}", log());
    assert_eq!(log().matches("a soft quota is exceeded").count(), 1);
}

#[test]
fn an_operator_limits_a_tenant_and_reads_its_bill() {
    let home = TempDir::new().unwrap();
    let directory = hello_in(home.path());
    let server = Server::start(&directory);
    let at = ["--server", server.address()];
    let run = |arguments: &[&str]| done(&directory, &[arguments, &at[..]].concat());
    let quota = ["--tenant", "acme", "--meter", "requests", "--period", "day"];
    let set = run(&[&["quotas", "set", "--hard", "100", "--soft", "80"][..], &quota].concat());
    assert_eq!(set.trim(), "requests per day: at most 100, warning above 80");
    let listed = run(&["quotas", "list", "--tenant", "acme"]);
    let expected = "tenant: requests per day: 0 leased, at most 100, warning above 80, starts again ";
    assert!(
        listed.starts_with(expected) && listed.trim().ends_with("T00:00:00Z"),
        "{listed}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&run(&["--json", "quotas", "list", "--tenant", "acme"])).unwrap();
    assert_eq!(json["quotas"][0]["hard"], 100);
    let removed = run(&[&["quotas", "remove"][..], &quota].concat());
    assert_eq!(removed.trim(), "requests per day: no limit");
    assert_eq!(run(&["quotas", "list", "--tenant", "acme"]).trim(), "");
    assert_eq!(
        run(&["quotas", "usage", "--tenant", "acme", "--period", "month"]).trim(),
        ""
    );
    let weight = ["quotas", "weight", "--tenant", "acme"];
    assert_eq!(run(&weight).trim(), "as configured");
    assert_eq!(run(&[&weight[..], &["--set", "4"]].concat()).trim(), "4");
    assert_eq!(run(&weight).trim(), "4");
    assert_eq!(run(&[&weight[..], &["--reset"]].concat()).trim(), "as configured");
    let audit = run(&["audit"]);
    assert!(audit.contains("quota.set acme"), "{audit}");

    let none = alga(&directory, &[&["quotas", "set"][..], &quota, &at].concat());
    let error = String::from_utf8(none.stderr).unwrap();
    assert!(error.contains("--hard"), "{error}");
    let minute = alga(
        &directory,
        &[&["quotas", "usage", "--tenant", "acme", "--period", "minute"][..], &at].concat(),
    );
    let error = String::from_utf8(minute.stderr).unwrap();
    assert!(error.contains("usage is recorded by day"), "{error}");
}

//! Every check and every test, in the order in which they are cheapest to fail.

use crate::debian;
use crate::postgres::Postgres;
use crate::progress::execute_build;
use crate::python;
use crate::shell::{Outcome, cargo, execute, step};
use crate::vendor_wit;
use crate::{foreign_guests, guests, limits, tidy, web};

/// Shared library that changes the clock of a server under test (tests/e2e/clock.rs).
const CLOCK: &str = "faketime/libfaketime.so.1";

/// Protocol of the requests that tests of the API send; without it, they are sent in process.
const PROTOCOL: &str = "ALGA_TEST_PROTOCOL";

/// Journeys that have no database or whose findings do not depend on it: on Postgres, they would
/// only run once more. All others run on both.
const WITHOUT_DATABASE: [&str; 18] = [
    "agreements::",
    "canary::",
    "confinement::",
    "dev::",
    "edge::",
    "guest_threads::",
    "guides::",
    "javascript::",
    "keyless::",
    "large_components::",
    "logs::",
    "memory::",
    "oci::",
    "openapi::",
    "pages::",
    "profile::",
    "python::",
    "testing::",
];

/// Guests are built for another target, by another step; natively they are only checked.
const NATIVE: [&str; 11] = [
    "--workspace",
    "--exclude",
    "example-hello",
    "--exclude",
    "example-agreements",
    "--exclude",
    "alga-test-guests",
    "--exclude",
    "alga-async-guests",
    "--exclude",
    "alga-adapter-components",
];

pub(crate) fn run() -> Outcome {
    step("formatting");
    execute(&mut cargo(&["fmt", "--all", "--check"]))?;
    tidy::run()?;
    vendor_wit::run(&vendor_wit::Arguments { check: true })?;
    limits::run(&limits::Arguments { check: true })?;
    step("building (the first build needs some minutes)");
    execute_build(cargo(&["build"]).args(NATIVE))?;
    guests::build_all()?;
    foreign_guests::build_all()?;
    step("lints");
    execute(&mut cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    debian::ensure("strace", "strace")?;
    debian::ensure("docker-registry", "docker-registry")?;
    debian::ensure("openssl", "openssl")?;
    debian::ensure_file(CLOCK, "libfaketime")?;
    debian::unpacked("promtool", "prometheus")?;
    python::ensure(python::SCHEMATHESIS.0, python::SCHEMATHESIS.1)?;
    python::ensure_packages()?;
    debian::ensure("chromium", "chromium")?;
    web::run(&web::Arguments { check: true })?;
    step("tests on SQLite; those of the API send their requests over HTTP/1.1");
    let mut tests = cargo(&["test"]);
    tests.args(NATIVE).env(PROTOCOL, "http1");
    execute(web::for_tests(&mut tests)?)?;
    step("the same tests on Postgres and over HTTP/2: api, conformance and e2e");
    let (postgres, victim) = (Postgres::start("postgres")?, Postgres::start("victim")?);
    for (programs, skipped) in [
        (&["--test", "api", "--test", "conformance"][..], &[][..]),
        (&["--test", "e2e"], &WITHOUT_DATABASE),
    ] {
        let mut tests = cargo(&["test"]);
        tests.args(NATIVE).args(programs).env(PROTOCOL, "http2").arg("--");
        tests.args(skipped.iter().flat_map(|name| ["--skip", name]));
        tests.env("ALGA_TEST_POSTGRES", postgres.url()).envs(victim.as_victim());
        execute(web::for_tests(&mut tests)?)?;
    }
    Ok(())
}

/// Renews everything that tests compare: generated files, snapshots, expected responses.
pub(crate) fn bless() -> Outcome {
    limits::run(&limits::Arguments { check: false })?;
    step("renewing the SDK's bindings");
    execute(&mut cargo(&["run", "--quiet", "--package", "alga-bindings"]))?;
    step("building (the first build needs some minutes)");
    execute_build(cargo(&["build"]).args(NATIVE))?;
    guests::build_all()?;
    step("renewing snapshots and expected responses");
    for tests in [
        &["--test", "cli", "--test", "conformance"][..],
        &["--test", "e2e", "the_shipped_openapi_document"],
        &[
            "--test",
            "api",
            "--",
            "the_bodies_of_the_registry",
            "the_table_of_rights",
        ],
    ] {
        let mut blessing = cargo(&["test"]);
        blessing.args(NATIVE).args(tests);
        execute(blessing.env("BLESS", "1").env("INSTA_UPDATE", "always"))?;
    }
    step("done: read `git diff` before you commit it");
    Ok(())
}

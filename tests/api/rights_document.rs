//! The table of rights in the documentation, which is generated from the code.

use alga_auth::{Extent, PrincipalKind, Right};
use alga_harness::root;
use alga_registry_api::{ApiOperation, operations};
use std::fmt::Write;
use std::fs;

#[test]
fn the_table_of_rights_in_the_documentation_matches_the_code() {
    let mut text = "# Rights\n\nGenerated from `host/auth/src/rights.rs` and the routes by `cargo xtask bless`.\n\n\
        `own`: only in the principal's own tenant, or for its own names of extensions. What belongs to another tenant or\n\
        publisher is 404, as if it did not exist; what the kind of principal may not do is 403.\n\n| right |".to_owned();
    for kind in PrincipalKind::ALL {
        write!(text, " {} |", kind.as_str().replace('_', " ")).unwrap();
    }
    writeln!(text, "\n|---|{}", "---|".repeat(PrincipalKind::ALL.len())).unwrap();
    for right in Right::all() {
        write!(text, "| {} |", right.as_str()).unwrap();
        for kind in PrincipalKind::ALL {
            let extent = match right.extent(kind) {
                Extent::No => "no",
                Extent::Own => "own",
                Extent::All => "all",
            };
            write!(text, " {extent} |").unwrap();
        }
        text.push('\n');
    }
    text.push_str("\n## Operations\n\n| operation | needs | |\n|---|---|---|\n");
    for operation in operations() {
        let ApiOperation {
            method,
            path,
            right,
            summary,
        } = &operation;
        writeln!(
            text,
            "| `{} {path}` | {} | {summary} |",
            method.to_uppercase(),
            right.as_str()
        )
        .unwrap();
    }
    text.push_str("| `ANY /api/ext/{extension}/{path…}`, `/api/ext-proxy/{extension}/{path…}` | call | Call an extension |\n| `GET /metrics` | operate | Read metrics of a process |\n| `GET /v1/live/{tenant}` | read installs | Follow what executions of a tenant do while they run |\n| `GET /v1/profile/{tenant}` | read installs | Sample the executions of an install |\n| `POST /v1/drain` | operate | Remove a process from its load balancer |\n");
    let path = root().join("host/docs/rights.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "`cargo xtask bless` renews host/docs/rights.md"
    );
}

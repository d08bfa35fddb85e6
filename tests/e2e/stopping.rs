//! A server that is stopped while it executes, and one whose database stalls: every execution is on
//! the tenant's bill.

use crate::crash::prepared;
use crate::operator::Operator;
use crate::quarantine::{begin, install};
use alga_bundle::{Meter, Period};
use alga_harness::{Server, ServerOptions, tenant_id};
use alga_registry_types::{QuotaRequest, UsageQuery, set_quota, usage};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const NAME: &str = "com.example.stopped";
/// Executions in progress when the server is stopped: an install may have 32.
const EXECUTIONS: usize = 30;

/// Returns the number of requests on the bill of `demo`.
fn billed(operator: &Operator) -> i64 {
    let query = UsageQuery {
        period: Some(Period::Month),
        at_ms: None,
    };
    let bill = operator.operate(&usage(&tenant_id("demo"), &query)).unwrap().ok();
    let of_requests = bill.usage.iter().filter(|usage| usage.meter == Meter::Requests);
    of_requests.map(|usage| usage.used).sum()
}

#[test]
fn a_stop_ends_executions_at_their_deadlines_and_bills_each_of_them() {
    let (directory, key) = prepared();
    let server = Server::start(&directory);
    install(&Operator::of(&directory, &server), &key, NAME);
    let streams: Vec<_> = (0..EXECUTIONS).map(|_| begin(&server, NAME, "/one-event")).collect();
    assert!(server.terminate().success());
    for mut stream in streams {
        let mut rest = Vec::new();
        // A reset is an end, too; what must not be there is the last chunk of a complete response.
        stream.read_to_end(&mut rest).ok();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
    }
    let server = Server::start(&directory);
    assert_eq!(
        billed(&Operator::of(&directory, &server)),
        i64::try_from(EXECUTIONS).unwrap()
    );
    assert!(server.terminate().success());
    fs::remove_dir_all(directory).unwrap();
}

/// A process that holds the write lock of a server's database until it is dropped.
struct Stalled(Child);

impl Stalled {
    fn begin(directory: &Path) -> Self {
        const PROGRAM: &str = "import sqlite3, sys\n\
            c = sqlite3.connect('alga-data/alga.sqlite', isolation_level=None, timeout=60)\n\
            c.execute('begin immediate')\n\
            print('stalled', flush=True)\n\
            sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM])
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0; 8];
        child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        assert_eq!(&line, b"stalled\n");
        Self(child)
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.0.stdin.take().unwrap().flush().ok();
        self.0.wait().unwrap();
    }
}

/// Starts a server on a database in a file, whose runner knows a quota of `demo`: ten requests are
/// leased at once. Adds its successful requests to `sent`.
fn limited(directory: &Path, fails_open: &str, sent: &mut i64) -> Server {
    let variables = [("ALGA_QUOTAS_FAIL_OPEN", fails_open)];
    let options = ServerOptions {
        variables: &variables,
        ..ServerOptions::default()
    };
    let server = Server::start_with(directory, &options);
    let operator = Operator::of(directory, &server);
    let quota = QuotaRequest {
        meter: Meter::Requests,
        period: Period::Month,
        hard: Some(10_000),
        soft: None,
    };
    let set = operator.operate(&set_quota(&tenant_id("demo"), None, &quota));
    assert_eq!(set.unwrap().status, 204);
    loop {
        let response = operator.visit(&format!("/api/ext/{NAME}/events")).unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
        *sent += 1;
        if response.headers.contains_key("ratelimit-policy") {
            return server;
        }
    }
}

#[test]
fn while_the_database_stalls_credit_runs_on_and_then_the_setting_decides() {
    let (directory, key) = prepared();
    fs::write(directory.join("alga.toml"), "").unwrap();
    let server = Server::start(&directory);
    install(&Operator::of(&directory, &server), &key, NAME);
    assert!(server.terminate().success());
    let mut sent = 0;
    let visit = |server: &Server| {
        let operator = Operator::anonymous(server);
        operator.visit(&format!("/api/ext/{NAME}/events")).unwrap()
    };

    let server = limited(&directory, "false", &mut sent);
    let stalled = Stalled::begin(&directory);
    let mut refused = visit(&server);
    while refused.status == 200 {
        sent += 1;
        refused = visit(&server);
    }
    refused.assert_error(503, "quota_unavailable");
    drop(stalled);
    while visit(&server).status != 200 {}
    sent += 1;
    assert!(server.terminate().success());

    let server = limited(&directory, "true", &mut sent);
    let stalled = Stalled::begin(&directory);
    // More than are leased at once.
    for _ in 0..15 {
        let response = visit(&server);
        assert_eq!(response.status, 200, "{}", response.text());
        sent += 1;
    }
    drop(stalled);
    assert!(server.terminate().success());

    let server = Server::start(&directory);
    assert_eq!(billed(&Operator::of(&directory, &server)), sent);
    assert!(server.terminate().success());
    fs::remove_dir_all(directory).unwrap();
}

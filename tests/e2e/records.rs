//! Records of executions are found and exported, and another program reads them.

use crate::platform::{Guest, Platform};
use alga_harness::{MockServer, ServerOptions, program, target};
use serde_json::Value;
use std::process::{Command, Output};

/// Sums and one row of an export, as DuckDB reads it.
const QUERY: &str = "
import duckdb, json, sys
rows = duckdb.sql(f\"\"\"
    SELECT count(*), count(DISTINCT id), count(status), count(code), sum(duration_us), sum(memory_peak_bytes), sum(host_calls),
           count(endpoint), bool_or(cold), sum(log_dropped), epoch_ms(min(ended_at::TIMESTAMPTZ)), list(DISTINCT code ORDER BY code) FILTER (code IS NOT NULL),
           md5(string_agg(log, '' ORDER BY id))
    FROM '{sys.argv[1]}'\"\"\").fetchall()
print(json.dumps(rows[0]))
";

/// The same of JSON Lines, whose objects are nested.
const QUERY_JSONL: &str = "
import hashlib, json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding='utf-8')]
used = lambda name: sum(row['usage'][name] for row in rows)
some = lambda name: [row[name] for row in rows if row[name] is not None]
log = lambda row: json.dumps(row['log'], ensure_ascii=False, separators=(',', ':'))
print(json.dumps([len(rows), len({row['id'] for row in rows}), len(some('status')), len(some('code')), sum(some('duration_us')),
    used('memory_peak_bytes'), used('host_calls'), len(some('endpoint')), any(row['usage']['cold'] for row in rows),
    sum(some('log_dropped')), min(some('ended_at_ms')), sorted(set(some('code'))) or None,
    hashlib.md5(''.join(log(row) for row in sorted(rows, key=lambda row: row['id'])).encode()).hexdigest()]))
";

fn records(platform: &Platform, arguments: &[&str]) -> Output {
    let output = Command::new(program("alga"))
        .args(["records", "--tenant", "demo", "--server", platform.address()])
        .args(arguments)
        .current_dir(platform.directory())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn found(platform: &Platform, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_slice(&records(platform, &arguments).stdout).unwrap()
}

fn python(platform: &Platform, script: &str, file: &str) -> Value {
    let output = Command::new(target().join("python/bin/python3"))
        .args(["-c", script, file])
        .current_dir(platform.directory())
        .output()
        .expect("DuckDB is installed; `cargo xtask test` does that");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_found_and_another_program_reads_the_same_in_every_format() {
    const CALLS: usize = 130;
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let logging = platform.install(&Guest::new("log_works").grants(&["cap:log.emit"]));
    let failing = platform.install(&Guest::new("traps"));
    for _ in 0..CALLS {
        platform.call(&logging, "/");
    }
    platform.call(&failing, "/");
    // They are written soon after the responses.
    let are_written = (0..1_000).any(|_| found(&platform, &["--limit", "1000"]).len() > CALLS);
    assert!(are_written);
    assert_eq!(found(&platform, &[]).len(), 20);
    assert_eq!(found(&platform, &[&logging, "--limit", "1000"]).len(), CALLS);
    let trapped = found(&platform, &["--outcome", "guest_trapped", "--since", "1h"]);
    assert_eq!((trapped.len(), trapped[0]["code"].as_str()), (1, Some("guest_trapped")));
    assert!(found(&platform, &["--until", "1h"]).is_empty());

    let mut read = Vec::new();
    for (file, script) in [("a.csv", QUERY), ("a.parquet", QUERY), ("a.jsonl", QUERY_JSONL)] {
        let output = records(&platform, &["--output", file]);
        assert!(output.stdout.is_empty());
        read.push(python(&platform, script, file));
        let format = file.split_once('.').unwrap().1;
        let piped = records(&platform, &["--format", format]).stdout;
        assert_eq!(std::fs::read(platform.directory().join(file)).unwrap(), piped);
    }
    let names = std::fs::read_dir(platform.directory()).unwrap().flatten();
    let exported = names.filter(|entry| entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(exported.count(), 0, "a temporary file is left");
    assert_eq!(read[0], read[1]);
    assert_eq!(read[0], read[2]);
    assert_eq!(read[0][0], CALLS + 1);
    assert_eq!(read[0][11], serde_json::json!(["guest_trapped"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_leaves_nothing_and_replaces_nothing() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let name = platform.install(&Guest::new("log_works").grants(&["cap:log.emit"]));
    platform.call(&name, "/");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let run = |server: &str, arguments: &[&str]| {
        Command::new(program("alga"))
            .args(["records", "--tenant", "demo", "--server", server])
            .args([
                "--token-file",
                platform.directory().join("alga-data/admin.token").to_str().unwrap(),
            ])
            .args(arguments)
            .current_dir(directory.path())
            .output()
            .unwrap()
    };
    std::fs::write(path("a.csv"), "before").unwrap();
    std::fs::create_dir(path("b.csv")).unwrap();
    std::os::unix::fs::symlink("a.csv", path("link.csv")).unwrap();
    let down = "http://127.0.0.1:1";
    for (server, arguments) in [
        (down, &["--output", "a.csv"][..]),
        (platform.address(), &["--output", "a.csv", "--outcome", "6xx"]),
        (platform.address(), &["--output", "b.csv"]),
        (platform.address(), &["--output", "a.txt"]),
        (platform.address(), &["--output", "-"]),
        (platform.address(), &["--output", "a.csv", "--json"]),
        (platform.address(), &["--since", "1h", "--until", "2h"]),
    ] {
        let output = run(server, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
    assert_eq!(std::fs::read_to_string(path("a.csv")).unwrap(), "before");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
    // A link stays, and its target is replaced.
    assert!(run(platform.address(), &["--output", "link.csv"]).status.success());
    assert!(path("link.csv").is_symlink());
    assert!(
        std::fs::read_to_string(path("a.csv"))
            .unwrap()
            .starts_with("id,ended_at,")
    );
    // A device is written to, and a reader that leaves is no error.
    assert!(
        run(platform.address(), &["--output", "/dev/null", "--format", "csv"])
            .status
            .success()
    );
    let closed = format!(
        "{} records --tenant demo --server {} --format csv | true; exit ${{PIPESTATUS[0]}}",
        program("alga").display(),
        platform.address()
    );
    let status = Command::new("bash")
        .args(["-c", &closed])
        .current_dir(platform.directory())
        .status();
    assert_eq!(status.unwrap().code(), Some(0));
}

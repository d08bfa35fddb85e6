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
        assert!(!platform.directory().join(format!("{file}.partial")).exists());
        read.push(python(&platform, script, file));
        let format = file.split_once('.').unwrap().1;
        let piped = records(&platform, &["--format", format]).stdout;
        assert_eq!(std::fs::read(platform.directory().join(file)).unwrap(), piped);
    }
    assert_eq!(read[0], read[1]);
    assert_eq!(read[0], read[2]);
    assert_eq!(read[0][0], CALLS + 1);
    assert_eq!(read[0][11], serde_json::json!(["guest_trapped"]));
}

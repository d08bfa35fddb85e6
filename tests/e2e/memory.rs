//! Memory that hostile guests cost the process: at most their budget plus a tenth.

use crate::platform::{Guest, Platform};
use alga_harness::{MockServer, ServerOptions};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::net::TcpStream;

/// Memory of a guest (64 MiB by default) plus the limit for one call between guest and host (8
/// MiB).
const BUDGET_KB: u64 = (64 + 8) * 1024;

/// Module with four tables, each filled and grown until it is refused.
const TABLES: &str = r#"
(table $a 1 funcref) (table $b 1 funcref) (table $c 1 funcref) (table $d 1 funcref)
(elem declare func $handle)
(func $handle (export "handle") (param i32 i32)
  (loop $more
    (drop (table.grow $a (ref.func $handle) (i32.const 100)))
    (drop (table.grow $b (ref.func $handle) (i32.const 1000)))
    (drop (table.grow $c (ref.func $handle) (i32.const 19999)))
    (drop (table.grow $d (ref.func $handle) (i32.const -1)))
    (br $more)))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_guest_uses_at_most_its_memory_budget() {
    let outside = MockServer::start().await;
    let platform = Platform::start(
        &outside,
        &ServerOptions {
            log: "warn",
            ..ServerOptions::default()
        },
    );
    let worst = Guest::new("does_its_worst").grants(&["cap:http.fetch"]);
    let worst = worst.fields(json!({ "egress": [outside.origin()] }));
    let worst = platform.install(&worst.greeting(outside.origin()));
    let memory = platform.install(&Guest::new("allocates_without_end"));
    let handles = platform.install(&Guest::new("opens_handles_without_end"));
    let output = platform.install(&Guest::new("writes_to_its_output"));
    let tables = platform.install_handler("com.example.tables", TABLES);
    assert_eq!(platform.call(&worst, "/"), "still here");
    platform.call(&memory, "/");
    let idle = platform.memory_kb("VmRSS:");
    let attacks = [
        (&worst, "/aliased"),
        (&worst, "/aliased-small"),
        (&worst, "/beyond-memory"),
        (&worst, "/not-text"),
        (&worst, "/log"),
        (&worst, "/headers"),
        (&worst, "/requests"),
        (&worst, "/endless"),
        (&worst, "/spellings"),
        (&output, "/flood"),
        (&tables, "/"),
        (&memory, "/"),
        (&handles, "/"),
    ];
    for (name, path) in attacks {
        platform.reset_peak();
        for _ in 0..3 {
            platform.call(name, path);
        }
        let cost = platform.memory_kb("VmHWM:").saturating_sub(idle);
        assert!(
            cost <= BUDGET_KB + BUDGET_KB / 10,
            "{path} cost {cost} kB of {BUDGET_KB}"
        );
    }
    assert_eq!(platform.call(&worst, "/"), "still here");
}

/// Connections of scrapers, and responses that each of them asks for.
const SCRAPERS: usize = 10;
const SCRAPES: usize = 100;
/// Memory in KB that a scraper may cost that reads nothing: a few responses.
const SCRAPER_KB: u64 = 2_048;

#[tokio::test(flavor = "multi_thread")]
async fn scrapers_that_do_not_read_cost_a_few_responses_each_and_delay_no_caller() {
    let outside = MockServer::start().await;
    let platform = Platform::start(&outside, &ServerOptions::default());
    let name = platform.install(&Guest::new("answers_ok"));
    assert_eq!(platform.call(&name, "/"), "ok");
    let token = fs::read_to_string(platform.directory().join("alga-data/admin.token")).unwrap();
    let scrape = format!("GET /metrics HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    let address = platform.address().strip_prefix("http://").unwrap();
    let idle = platform.memory_kb("VmRSS:");
    platform.reset_peak();
    let scrapers: Vec<TcpStream> = (0..SCRAPERS)
        .map(|_| {
            let mut scraper = TcpStream::connect(address).unwrap();
            scraper.write_all(scrape.repeat(SCRAPES).as_bytes()).unwrap();
            scraper
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(platform.call(&name, "/"), "ok");
        let scraped = platform.operator().get("/metrics").unwrap();
        assert!(
            scraped.text().contains("alga_executions_in_progress"),
            "{}",
            scraped.text()
        );
    }
    let cost = platform.memory_kb("VmHWM:").saturating_sub(idle);
    assert!(cost < SCRAPER_KB * SCRAPERS as u64, "{cost} kB");
    drop(scrapers);
}

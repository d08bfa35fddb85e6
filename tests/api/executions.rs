//! The output of executions is stored in their records, and only their tenant may read them.

use alga_harness::{TestPlatform, TestResponse, tenant_id};
use alga_registry_types::{
    Execution, Executions, ExecutionsQuery, Install, LogRecord, Page, executions, some_executions, uninstall,
};
use serde_json::Value;

/// Returns a page of an install's records, with those that were still queued.
async fn page_of_records(world: &TestPlatform, install: &Install, page: &Page<'_>) -> Executions {
    world.platform().settle().await;
    let list = executions(&install.tenant_id, install.id.as_str(), page);
    let reply = world.operate(&list).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.ok()
}

async fn records(world: &TestPlatform, install: &Install) -> Vec<Execution> {
    page_of_records(world, install, &Page::default()).await.executions
}

async fn get(world: &TestPlatform, install: &Install, path: &str) -> TestResponse {
    world.get(&format!("{}/{path}", install.name)).await
}

#[tokio::test]
async fn what_a_guest_logs_is_stored_in_the_execution_record_unchanged() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("log_works", &[]).await;
    assert_eq!(get(&world, &install, "").await.status, 200);
    let stored = records(&world, &install).await;
    assert_eq!(
        (stored.len(), stored[0].status, stored[0].code.as_deref()),
        (1, Some(200), None)
    );
    let line = |level: &str, message: &str, fields: Vec<(String, String)>| LogRecord {
        source: "log".to_owned(),
        level: level.to_owned(),
        message: message.to_owned(),
        fields,
        is_cut: false,
    };
    let expected = [
        line("debug", "debug", vec![]),
        line("info", "info", vec![("name".to_owned(), "value".to_owned())]),
        line("warn", "warn\r\n{\"level\":\"ERROR\",\"tenant\":\"victim\"}", vec![]),
        line("error", "\u{1b}[31merror", vec![]),
    ];
    assert_eq!(stored[0].log, expected);
}

/// Lines of guest `writes_to_its_output`, with the output that it writes them to.
pub(crate) const OUTPUT: [(&str, &str); 5] = [
    ("stdout", "first line"),
    ("stdout", "forged\r"),
    ("stdout", "{\"level\":\"ERROR\",\"tenant\":\"victim\"}"),
    ("stdout", "no end \u{fffd}\u{1b}[31m"),
    ("stderr", "to standard error"),
];

#[tokio::test]
async fn guest_output_is_stored_in_the_execution_record_line_by_line() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("writes_to_its_output", &[]).await;
    // Closes its output, or leaves it open.
    for path in ["", "open"] {
        assert_eq!(get(&world, &install, path).await.status, 200);
        let stored = records(&world, &install).await;
        let log = stored[0].log.iter();
        let mut lines: Vec<_> = log.map(|line| (line.source.as_str(), line.message.as_str())).collect();
        lines.sort_by_key(|(source, _)| *source == "stderr");
        assert_eq!(lines, OUTPUT, "{path}");
    }
}

#[tokio::test]
async fn a_traps_reason_is_in_the_record_and_not_in_the_response() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("traps", &[]).await;
    let response = get(&world, &install, "").await;
    assert!(!response.text().contains("unreachable"), "{}", response.text());
    let stored = records(&world, &install).await;
    assert_eq!(
        (stored[0].status, stored[0].code.as_deref()),
        (None, Some("guest_trapped"))
    );
    let last = stored[0].log.last().unwrap();
    assert_eq!(
        (last.source.as_str(), last.level.as_str()),
        ("host", "error"),
        "{last:?}"
    );
    assert!(last.message.contains("unreachable"), "{last:?}");
}

/// Test guests are quick builds, which have the names of their functions.
#[tokio::test]
async fn the_record_of_a_panic_names_function_file_and_line() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("traps", &[]).await;
    get(&world, &install, "").await;
    let log = &records(&world, &install).await[0].log;
    let text: Vec<_> = log.iter().map(|line| line.message.as_str()).collect();
    let text = text.join("\n");
    assert!(text.contains("traps.rs:8:5"), "{text}");
    assert!(text.contains("traps::handle"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}

#[tokio::test]
async fn execution_records_are_paged_newest_first_and_deleted_with_the_install() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("log_works", &[]).await;
    for _ in 0..5 {
        get(&world, &install, "").await;
    }
    let all = records(&world, &install).await;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|newer, older| newer.id > older.id));
    let two = Page {
        limit: Some(2),
        ..Page::default()
    };
    let first = page_of_records(&world, &install, &two).await;
    let next = first.next.unwrap();
    let two_more = Page {
        after: Some(next.as_str()),
        limit: Some(2),
    };
    let second = page_of_records(&world, &install, &two_more).await;
    assert_eq!(second.executions, all[2..4]);
    // Under another tenant's path, not even the install is found.
    let (tenant, id) = (&install.tenant_id, install.id.as_str());
    let elsewhere = world
        .operate(&executions(&tenant_id("other"), id, &Page::default()))
        .await;
    assert_eq!(elsewhere.status, 404);
    let gone = world.operate(&uninstall(tenant, id)).await;
    assert!(gone.status.is_success());
    let list = executions(tenant, id, &Page::default());
    assert_eq!(world.operate(&list).await.status, 404);
}

#[tokio::test]
async fn refused_requests_and_executions_without_output_leave_no_record() {
    let world = TestPlatform::new().await;
    let install = world.install_guest("answers_ok", &[]).await;
    assert_eq!(get(&world, &install, "").await.status, 200);
    assert_eq!(get(&world, &install, "no/such/endpoint/here").await.status, 404);
    assert_eq!(records(&world, &install).await, Vec::<Execution>::new());
}

#[tokio::test]
async fn a_flooded_log_is_truncated_per_record_and_queued_up_to_a_mebibyte() {
    const CALLS: usize = 60;
    let world = TestPlatform::new().await;
    let install = world.install_guest("floods_the_log", &[]).await;
    let started = std::time::Instant::now();
    for _ in 0..CALLS {
        get(&world, &install, "").await;
    }
    // A page ends after a mebibyte.
    let (mut stored, mut after) = (Vec::new(), None);
    loop {
        let longest = Page {
            limit: Some(200),
            after: after.as_deref(),
        };
        let page = page_of_records(&world, &install, &longest).await;
        assert!(page.executions.len() <= 1024 / 32 + 1, "{}", page.executions.len());
        stored.extend(page.executions);
        match page.next {
            Some(next) => after = Some(next.to_string()),
            None => break,
        }
    }
    let metrics = world.send_json("GET", "/metrics", &Value::Null).await.text();
    let lost = metrics
        .lines()
        .find_map(|line| line.strip_prefix("alga_execution_records_lost_total "));
    let lost: usize = lost.unwrap().parse().unwrap();
    assert_eq!(stored.len() + lost, CALLS);
    // A record of 34 KiB; a burst of 1 MiB, and 64 KiB in each second.
    let most = (1024.0 + 64.0 * started.elapsed().as_secs_f64()) / 34.0 + 1.0;
    assert!(
        stored.len() >= 1024 / 34 && stored.len() as f64 <= most,
        "{lost} lost of {CALLS}, at most {most} stored"
    );
    for execution in &stored {
        let log = serde_json::to_string(&execution.log).unwrap();
        assert!(log.len() <= 64 * 1024 && execution.log_dropped > 0);
    }
}

#[tokio::test]
async fn records_are_found_by_install_endpoint_outcome_request_time_and_duration() {
    let world = TestPlatform::new().await;
    let fine = world.install_guest("log_works", &[]).await;
    let failing = world.install_guest("traps", &[]).await;
    for install in [&fine, &fine, &failing] {
        get(&world, install, "").await;
    }
    let all = records(&world, &fine).await;
    let tenant = &fine.tenant_id;
    let find = async |install: Option<&str>, query: ExecutionsQuery| {
        let reply = world.operate(&some_executions(tenant, install, &query)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.ok().executions
    };
    let any = ExecutionsQuery::default;
    let every = find(None, any()).await;
    assert_eq!(every.len(), 3);
    assert_eq!(find(Some(fine.id.as_str()), any()).await, all);
    assert_eq!(every[0].code.as_deref(), Some("guest_trapped"));
    assert_eq!(all[0].endpoint.as_deref(), Some("GET /"));
    let (newest, oldest) = (&all[0], &all[1]);
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (
            "outcome",
            ExecutionsQuery {
                outcome: text("2xx"),
                ..any()
            },
            2,
        ),
        (
            "code",
            ExecutionsQuery {
                outcome: text("guest_trapped"),
                ..any()
            },
            1,
        ),
        (
            "other class",
            ExecutionsQuery {
                outcome: text("5xx"),
                ..any()
            },
            0,
        ),
        (
            "endpoint",
            ExecutionsQuery {
                endpoint: text("GET /"),
                ..any()
            },
            3,
        ),
        (
            "other endpoint",
            ExecutionsQuery {
                endpoint: text("GET /x"),
                ..any()
            },
            0,
        ),
        (
            "request",
            ExecutionsQuery {
                request: Some(newest.request_id.clone()),
                ..any()
            },
            1,
        ),
        (
            "since",
            ExecutionsQuery {
                from_ms: Some(oldest.ended_at_ms),
                ..any()
            },
            3,
        ),
        (
            "until",
            ExecutionsQuery {
                to_ms: Some(oldest.ended_at_ms),
                ..any()
            },
            0,
        ),
        (
            "slow",
            ExecutionsQuery {
                min_duration_us: Some(1_000_000_000),
                ..any()
            },
            0,
        ),
        (
            "fast",
            ExecutionsQuery {
                max_duration_us: Some(1_000_000_000),
                ..any()
            },
            3,
        ),
    ];
    for (case, query, expected) in cases {
        let found = find(None, query.clone()).await;
        assert_eq!(found.len(), expected, "{case}");
        // Another statement reads one install: the same records without those of the other one.
        let of_install = found.into_iter().filter(|execution| execution.install_id == fine.id);
        assert_eq!(
            find(Some(fine.id.as_str()), query).await,
            of_install.collect::<Vec<_>>(),
            "{case}"
        );
    }
    let exact = ExecutionsQuery {
        from_ms: Some(oldest.ended_at_ms),
        to_ms: Some(oldest.ended_at_ms + 1),
        min_duration_us: Some(oldest.duration_us),
        max_duration_us: Some(oldest.duration_us),
        ..any()
    };
    assert!(find(None, exact).await.contains(oldest));
    let successful = || ExecutionsQuery {
        outcome: text("2xx"),
        limit: Some(1),
        ..any()
    };
    let first = find(None, successful()).await;
    let after = Some(first[0].id.clone());
    let second = find(None, ExecutionsQuery { after, ..successful() }).await;
    assert_eq!([first, second].concat(), all);
    let elsewhere = world.operate(&some_executions(&tenant_id("other"), None, &any())).await;
    assert_eq!(elsewhere.ok().executions, []);
    let wrong = ExecutionsQuery {
        outcome: text("6xx"),
        ..any()
    };
    let refused = world.operate(&some_executions(tenant, None, &wrong)).await;
    refused.assert_refused(400, "bad_request", "outcome is 2xx");
    let path = format!("/v1/registry/tenants/{tenant}/executions?outcom=2xx");
    let misspelt = world.send_json("GET", &path, &Value::Null).await;
    assert_eq!(misspelt.status, 400, "{}", misspelt.text());
}

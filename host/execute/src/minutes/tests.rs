use super::*;
use alga_bundle::RequestId;

fn identity(install: &str) -> Identity {
    Identity {
        request: RequestId::unique(),
        tenant: "acme".parse().unwrap(),
        extension: "e-1".parse().unwrap(),
        install: install.parse().unwrap(),
        version: None,
    }
}

fn used(duration_us: u64) -> Usage {
    Usage {
        duration_us,
        cpu_us: 3,
        guest_cpu_us: 1,
        memory_peak_bytes: 1024 * 1024,
        cold: true,
        ..Usage::default()
    }
}

#[test]
fn executions_are_counted_by_minute_install_endpoint_and_outcome() {
    let minutes = ExecutionMinutes::default();
    let endpoint: Arc<str> = "GET /a".into();
    let now = this_minute_ms();
    for (minute_ms, install, endpoint, outcome, number) in [
        (now - MINUTE_MS, "i-1", Some(&endpoint), "2xx", 3),
        (now, "i-1", Some(&endpoint), "2xx", 2),
        (now, "i-1", None, "2xx", 1),
        (now, "i-1", Some(&endpoint), "guest_trapped", 1),
        (now, "i-2", Some(&endpoint), "2xx", 1),
    ] {
        for _ in 0..number {
            minutes.count_in(
                minute_ms,
                &identity(install),
                endpoint.cloned(),
                outcome,
                &used(1_500_000),
            );
        }
    }
    let mut past = minutes.drain(false);
    // A minute may have passed since.
    past.extend(minutes.drain(true));
    assert_eq!(past.len(), 5);
    let first = past.iter().find(|row| row.minute_ms == now - MINUTE_MS).unwrap();
    assert_eq!((first.totals.executions, first.totals.cold), (3, 3));
    assert_eq!(first.totals.memory_kib_ms, 3 * 1024 * 1500);
    assert_eq!(first.totals.duration_quantile_us(500), Some(2_000_000));
    let executions: u64 = past.iter().map(|row| row.totals.executions).sum();
    assert_eq!(executions, 8);
    assert!(minutes.drain(true).is_empty());
    let text = alga_metrics::text_of(Arc::new(minutes));
    for line in [
        "alga_executions_total{outcome=\"2xx\"} 7\n",
        "alga_executions_total{outcome=\"guest_trapped\"} 1\n",
        "alga_execution_cpu_seconds_total{by=\"host\"} 0.000016\n",
        "alga_execution_duration_seconds_bucket{le=\"1\"} 0\n",
        "alga_execution_duration_seconds_bucket{le=\"2\"} 8\n",
        "alga_execution_sums_lost_total 0\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn memory_is_bounded_and_what_is_lost_is_counted() {
    let minutes = ExecutionMinutes::default();
    for number in 0..1_000_000 {
        minutes.count_in(0, &identity(&format!("i-{number}")), None, "2xx", &used(1));
    }
    let stored: u64 = minutes.drain(true).iter().map(|row| row.totals.executions).sum();
    assert!(stored <= (PARTS * ROWS) as u64, "{stored}");
    let lost = minutes.lost.load(Ordering::Relaxed);
    assert_eq!(stored + lost, 1_000_000);
    // Past minutes that no database accepts.
    for minute_ms in 0..5 {
        for number in 0..WAITING / 2 {
            minutes.count_in(minute_ms, &identity(&format!("i-{number}")), None, "2xx", &used(1));
        }
    }
    assert!(minutes.drain(false).len() <= WAITING);
}

#[test]
fn an_install_with_many_endpoints_loses_their_names_and_no_execution() {
    let minutes = ExecutionMinutes::default();
    for number in 0..1_000 {
        let endpoint = Some(format!("GET /{number}").into());
        minutes.count_in(0, &identity("i-1"), endpoint, "2xx", &used(1));
    }
    let rows = minutes.drain(true);
    assert_eq!(rows.len(), ROWS_OF_INSTALL + 1);
    let unnamed = rows.iter().find(|row| row.endpoint.is_none()).unwrap();
    assert_eq!(unnamed.totals.executions, 1_000 - ROWS_OF_INSTALL as u64);
}

#[test]
fn outcomes_are_classes_of_status_or_codes() {
    use alga_errors::Code;
    for (result, expected) in [
        (Ok(200), "2xx"),
        (Ok(304), "3xx"),
        (Ok(499), "4xx"),
        (Ok(599), "5xx"),
        (Err(Code::MemoryLimit), "memory_limit"),
    ] {
        assert_eq!(outcome(result), expected);
    }
}

#[test]
fn the_top_tenants_of_an_earlier_minute_are_not_those_of_the_last_one() {
    let minutes = Arc::new(ExecutionMinutes::default());
    let now = this_minute_ms();
    minutes.count_in(now - MINUTE_MS, &identity("i-1"), None, "2xx", &used(1));
    let past = minutes.drain(false);
    let shown = || alga_metrics::text_of(Arc::clone(&minutes)).contains("alga_top_tenant_cpu_seconds{tenant=\"acme\"}");
    minutes.rank(&past, now - MINUTE_MS);
    minutes.rank(&[], now - MINUTE_MS);
    assert!(shown());
    minutes.rank(&[], now);
    assert!(!shown());
}

#[test]
fn the_top_tenants_of_a_minute_to_come_are_not_shown_after_the_clock_was_set_back() {
    let minutes = Arc::new(ExecutionMinutes::default());
    let now = this_minute_ms();
    minutes.count_in(now, &identity("i-1"), None, "2xx", &used(1));
    let past = minutes.drain(true);
    minutes.rank(&past, now);
    minutes.rank(&[], now - 60 * MINUTE_MS);
    let text = alga_metrics::text_of(minutes);
    assert!(!text.contains("alga_top_tenant_cpu_seconds{tenant"), "{text}");
}

//! Traces of requests, as a real collector receives them.

use alga_auth::{CallContext, ServiceGrant};
use alga_bundle::{Meter, Period};
use alga_harness::{Collector, MockServer, ReceivedSpan, Release, TestPlatform, TestResponse, borrowed, component};
use alga_registry_types::{QuotaRequest, set_quota};
use axum::body::Body;
use http::Request;
use http::request::Builder;
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT: &str = "b7ad6b7169203331";

/// Returns the settings of a platform that exports every trace.
fn settings(endpoint: &str, protocol: &str) -> Vec<(String, String)> {
    [
        ("traces_endpoint", endpoint),
        ("traces_protocol", protocol),
        ("traces_one_in", "1"),
        ("wasi_0_3", "true"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// Returns a platform that exports no samples: only what fails, or lasts for so many milliseconds
/// (0: nothing for that).
async fn without_samples(collector: &Collector, slow_ms: &str) -> TestPlatform {
    let mut settings = settings(collector.http(), "http/protobuf");
    settings.extend([("traces_one_in", "0"), ("traces_slow_ms", slow_ms)].map(|(k, v)| (k.to_owned(), v.to_owned())));
    TestPlatform::with_settings(&borrowed(&settings)).await
}

/// Sends a request as a client that has a trace of its own, which is not a sample.
async fn get_traced(world: &TestPlatform, target: &str) -> TestResponse {
    let token = world.caller_token("acme", alga_auth::Access::Write);
    let request = Request::get(format!("/api/ext/{target}"))
        .header("authorization", format!("Bearer {token}"))
        .header("traceparent", format!("00-{TRACE}-{CLIENT}-00"));
    world.send(request.body(Body::empty()).unwrap()).await
}

/// Returns the spans of a trace, as soon as there are this many.
async fn exported(world: &TestPlatform, collector: &Collector, trace: &str, number: usize) -> Vec<ReceivedSpan> {
    world.platform().settle().await;
    world.platform().export_traces().await;
    collector.spans_of(trace, number)
}

fn only<'a>(spans: &'a [ReceivedSpan], name: &str) -> &'a ReceivedSpan {
    let mut named = spans.iter().filter(|span| span.name == name);
    let span = named.next().unwrap_or_else(|| panic!("{name}: {spans:#?}"));
    assert!(named.next().is_none(), "{name}: {spans:#?}");
    span
}

fn assert_attributes(span: &ReceivedSpan, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(
            span.attributes.get(*name).map(String::as_str),
            Some(*value),
            "{name}: {span:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_leads_from_the_client_through_the_extension_to_other_hosts() {
    for protocol in ["http/protobuf", "grpc"] {
        let (collector, outside) = (Collector::start(), MockServer::start().await);
        let endpoint = if protocol == "grpc" {
            collector.grpc()
        } else {
            collector.http()
        };
        let settings = [outside.settings(), settings(endpoint, protocol)].concat();
        let world = TestPlatform::with_settings(&borrowed(&settings)).await;
        let mut manifest = Release::manifest("com.example.async", "1.0.0", &["cap:http.fetch"]);
        manifest["egress"] = json!([outside.origin()]);
        let release = Release::new(world.key(), &manifest, &component("works_in_wasi_0_3"));
        world.publish(&release).await;
        let install = world.install("acme", &release, &["cap:http.fetch"]).await.ok();
        let origin = outside.origin();
        let target = format!(
            "com.example.async/fetch?origin={}",
            origin.trim_start_matches("http://")
        );
        assert_eq!(get_traced(&world, &target).await.status, 200);

        let spans = exported(&world, &collector, TRACE, 4).await;
        let server = only(&spans, "GET /api/ext/{extension}/{*path}");
        assert_eq!((server.parent.as_str(), server.kind.as_str()), (CLIENT, "SERVER"));
        let expected = [
            ("http.request.method", "Str(GET)"),
            ("http.response.status_code", "Int(200)"),
            ("url.path", "Str(/api/ext/com.example.async/fetch)"),
        ];
        assert_attributes(server, &expected);
        let execution = only(&spans, "alga.execute");
        assert_eq!(execution.parent, server.id);
        let install_id = format!("Str({})", install.id);
        let expected = [
            ("alga.tenant", "Str(acme)"),
            ("alga.install", &*install_id),
            ("alga.outcome", "Str(2xx)"),
            ("faas.coldstart", "Bool(true)"),
            ("faas.trigger", "Str(http)"),
        ];
        assert_attributes(execution, &expected);
        assert_eq!(only(&spans, "alga.load").parent, execution.id);
        let request = only(&spans, "POST");
        assert_eq!((&request.parent, request.kind.as_str()), (&execution.id, "CLIENT"));
        let expected = [
            ("server.address", "Str(api.example.com)"),
            ("http.response.status_code", "Int(200)"),
        ];
        assert_attributes(request, &expected);
        assert_eq!(outside.traceparents(), [format!("00-{TRACE}-{}-01", request.id)]);
    }
}

/// Number of spans of an extension in one trace, by `alga:trace`.
const GUEST_SPANS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn spans_and_attributes_of_a_guest_are_in_its_trace_and_imitate_none_of_the_hosts() {
    let collector = Collector::start();
    let world = TestPlatform::with_settings(&borrowed(&settings(collector.http(), "http/protobuf"))).await;
    world
        .install_guest("trace_works", &["cap:log.emit", "cap:trace.emit"])
        .await;
    let reply = get_traced(&world, "com.example.trace-works/").await.json();
    assert_eq!(reply["is_traced"], true, "{reply}");
    // Those of the guest, of the request, the execution, its load and its three log records: the
    // calls that add spans have none themselves.
    let spans = exported(&world, &collector, TRACE, GUEST_SPANS + 6).await;
    assert_eq!(spans.len(), GUEST_SPANS + 6, "{spans:#?}");
    let of_guest = |span: &&ReceivedSpan| span.name.starts_with("extension.");
    assert_eq!(spans.iter().filter(of_guest).count(), GUEST_SPANS);
    let [execution, outer, inner, beside] =
        ["alga.execute", "extension.outer", "extension.inner", "extension.beside"].map(|name| only(&spans, name));
    assert_eq!(outer.parent, execution.id);
    assert_eq!([&inner.parent, &beside.parent], [&outer.id; 2]);
    let logged = spans.iter().filter(|span| span.name == "alga.log.logger.emit");
    let mut parents: Vec<&str> = logged.map(|span| span.parent.as_str()).collect();
    let mut expected = [inner, beside, execution].map(|span| span.id.as_str());
    parents.sort_unstable();
    expected.sort_unstable();
    assert_eq!(parents, expected);

    let value = format!("Str({})", "v".repeat(256));
    let expected = [
        ("alga.tenant", "Str(acme)"),
        ("extension.order", "Str(o-18)"),
        ("extension.long", &value),
    ];
    assert_attributes(execution, &expected);
    assert_attributes(
        inner,
        &[("extension.lines", "Str(3)"), ("error.type", "Str(extension)")],
    );
    assert_eq!(inner.status, "STATUS_CODE_ERROR", "{inner:#?}");
    assert_ne!(outer.status, "STATUS_CODE_ERROR", "{outer:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_capabilities_are_spans_and_the_guest_sees_its_own() {
    let collector = Collector::start();
    let world = TestPlatform::with_settings(&borrowed(&settings(collector.http(), "http/protobuf"))).await;
    world.install_guest("storage_works", &["cap:storage.kv"]).await;
    assert_eq!(get_traced(&world, "com.example.storage-works/").await.status, 200);
    let spans = exported(&world, &collector, TRACE, 10).await;
    let execution = only(&spans, "alga.execute");
    let mut calls = spans.iter().filter(|span| span.name.starts_with("alga.storage.kv."));
    for function in ["get", "put", "put-many", "list-entries", "delete"] {
        let name = format!("alga.storage.kv.{function}");
        assert!(calls.clone().any(|call| call.name == name), "{name}: {spans:#?}");
    }
    assert!(calls.all(|call| call.parent == execution.id), "{spans:#?}");

    world.install_guest("echoes_the_request", &[]).await;
    let seen = get_traced(&world, "com.example.echoes-the-request/").await.json();
    let fields = seen["headers"].as_array().unwrap();
    let traceparent = fields.iter().find(|field| field[0] == "traceparent").unwrap();
    let spans = exported(&world, &collector, TRACE, spans.len() + 3).await;
    let mut executions = spans.iter().filter(|span| span.name == "alga.execute");
    let own = executions.next_back().unwrap();
    assert_eq!(traceparent[1], format!("00-{TRACE}-{}-01", own.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_the_host_sends_for_a_call_are_in_the_span_of_that_call() {
    let (collector, outside) = (Collector::start(), MockServer::start().await);
    let settings = [outside.settings(), settings(collector.http(), "http/protobuf")].concat();
    let world = TestPlatform::with_settings(&borrowed(&settings)).await;
    world.install_guest("clients_works", &["cap:client.read"]).await;
    assert_eq!(get_traced(&world, "com.example.clients-works/").await.status, 200);
    let spans = exported(&world, &collector, TRACE, 1).await;
    let execution = only(&spans, "alga.execute");
    let requests: Vec<_> = spans.iter().filter(|span| span.kind == "CLIENT").collect();
    assert!(requests.len() >= 2, "{spans:#?}");
    for request in requests {
        let call = spans.iter().find(|span| span.id == request.parent);
        let call = call.unwrap_or_else(|| panic!("{request:#?}"));
        assert!(call.name.starts_with("alga.psa.clients."), "{call:#?}");
        assert_eq!(call.parent, execution.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_traces_are_exported_although_they_are_no_samples() {
    let collector = Collector::start();
    let world = without_samples(&collector, "60000").await;
    world.install_guest("answers_ok", &[]).await;
    world.install_guest("traps", &[]).await;
    assert_eq!(world.get("com.example.answers-ok/").await.status, 200);
    assert_eq!(world.get("com.example.absent/").await.status, 404);
    assert_eq!(world.get("com.example.traps/").await.status, 502);
    world.platform().settle().await;
    world.platform().export_traces().await;
    let spans = collector.spans(3);
    let execution = only(&spans, "alga.execute");
    assert_eq!(execution.status, "STATUS_CODE_ERROR", "{execution:#?}");
    assert_attributes(execution, &[("error.type", "Str(guest_trapped)")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_reports_a_failure_exports_its_trace_although_the_reply_of_the_runner_is_fine() {
    let collector = Collector::start();
    let world = without_samples(&collector, "60000").await;
    let request = world.with_guest("answers_as_the_path_says", &[]).await;
    for (path, status) in [("/", 200), ("/status-500", 500)] {
        let reply = world.execute(&request.clone().on("GET", path)).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (200, &json!(status)));
    }
    world.platform().settle().await;
    world.platform().export_traces().await;
    let spans = collector.spans(2);
    let execution = only(&spans, "alga.execute");
    assert_eq!(execution.status, "STATUS_CODE_ERROR", "{execution:#?}");
    assert_attributes(execution, &[("error.type", "Str(5xx)")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_traces_are_exported_although_they_are_no_samples() {
    let collector = Collector::start();
    let world = without_samples(&collector, "400").await;
    let streams = world.with_guest("streams", &["cap:log.emit"]).await;
    // The guest waits for 20 ms after each of 20 events.
    assert_eq!(world.execute(&streams.on("GET", "/timed-events")).await.status, 200);
    world.platform().settle().await;
    world.platform().export_traces().await;
    // Publishing may have been slow, too.
    let spans = collector.spans_when(|spans| spans.iter().any(|span| span.name == "alga.execute"));
    assert_ne!(only(&spans, "alga.execute").status, "STATUS_CODE_ERROR", "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_interrupted_fails_the_span_of_its_request_and_refusals_are_not_exported() {
    let collector = Collector::start();
    let world = without_samples(&collector, "0").await;
    world.install_guest("streams", &[]).await;
    let token = world.caller_token("acme", alga_auth::Access::Write);
    let ask = async |path: &str| {
        let request = Request::get(format!("/api/ext/com.example.streams{path}"));
        let request = request.header("authorization", format!("Bearer {token}"));
        world
            .router()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    };
    let quota = QuotaRequest {
        meter: Meter::Requests,
        period: Period::Month,
        hard: Some(0),
        soft: None,
    };
    let quota = set_quota(&alga_harness::tenant_id("acme"), None, &quota);
    assert!(ask("/trap").await.into_body().collect().await.is_err());
    world.operate(&quota).await.ok();
    while ask("/events").await.status() != 429 {}
    world.platform().settle().await;
    world.platform().export_traces().await;
    let spans = collector.spans(2);
    let server = only(&spans, "GET /api/ext/{extension}/{*path}");
    assert_attributes(server, &[("error.type", "Str(interrupted)")]);
    assert_eq!(only(&spans, "alga.execute").parent, server.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_have_its_traces_exported_and_a_gateway_can() {
    let collector = Collector::start();
    let world = without_samples(&collector, "0").await;
    let install = world.install_guest("answers_ok", &[]).await;
    let order = world.request_for(&install);
    let call = ServiceGrant {
        call: Some(Box::new(CallContext::default())),
        ..world.grant_for(&install)
    };
    let caller = world.caller_token("acme", alga_auth::Access::Write);
    let (call, execute) = (world.service_token(&call), world.token_for(&order).unwrap());
    let client = || Request::get("/api/ext/com.example.answers-ok/");
    let http = || Request::get("/v1/http/");
    let body = Body::from(order.body.to_string());
    let by_execute = Request::post("/v1/execute")
        .header("x-alga-tenant", &order.tenant)
        .header("x-alga-extension", &order.extension);
    let marked = |request: Builder| request.header("x-alga-traced", "true");
    let requests = [
        ('1', &caller, client(), Body::empty()),
        ('2', &caller, marked(client()), Body::empty()),
        ('3', &call, http(), Body::empty()),
        ('4', &call, marked(http()), Body::empty()),
        ('5', &execute, by_execute, body),
    ];
    for (last, token, request, body) in requests {
        let request = request
            .header("authorization", format!("Bearer {token}"))
            .header("traceparent", format!("00-{}{last}-{CLIENT}-01", &TRACE[..31]));
        assert_eq!(world.send(request.body(body).unwrap()).await.status, 200, "{last}");
    }
    world.platform().settle().await;
    world.platform().export_traces().await;
    let spans = collector.spans(4);
    let of_gateways = |span: &ReceivedSpan| span.trace.ends_with(['4', '5']);
    assert!(spans.iter().all(of_gateways), "{spans:#?}");
    for name in ["POST /v1/execute", "GET /v1/http/"] {
        assert_eq!(only(&spans, name).parent, CLIENT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_respond_delays_no_request_and_spans_are_counted_as_lost() {
    // Accepts connections, and reads nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let world = TestPlatform::with_settings(&borrowed(&settings(&endpoint, "http/protobuf"))).await;
    world.install_guest("answers_ok", &[]).await;
    for _ in 0..10 {
        assert_eq!(world.get("com.example.answers-ok/").await.status, 200);
    }
    // The exporter gives up in time.
    world.platform().export_traces().await;
    let token = world.administrator_token();
    let scrape = Request::get("/metrics").header("authorization", format!("Bearer {token}"));
    let text = world.send(scrape.body(Body::empty()).unwrap()).await.text();
    let lost = text
        .lines()
        .find(|line| line.starts_with("alga_trace_spans_total{result=\"lost\"}"));
    let lost: u64 = lost.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(lost > 0, "{text}");
}

//! Mock of the systems outside the platform: an origin that extensions call, and the parts of
//! AlgaPSA's internal API that the platform uses. Both are one server on loopback; the operator's
//! exceptions map host names to it.

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Credential that the platform sends to the host application's internal API.
const CREDENTIAL: &str = "product-credential";
/// Credential that the platform sends to the host application's routes (UI proxy).
const ROUTES_CREDENTIAL: &str = "routes-credential";

/// Mock server; it stops when this value is dropped.
pub struct MockServer {
    port: u16,
    directory: tempfile::TempDir,
    state: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    traceparents: Mutex<Vec<String>>,
    invoices: Mutex<HashMap<String, Value>>,
}

impl MockServer {
    /// Starts the server on a free port of loopback.
    pub async fn start() -> Self {
        let state = Arc::<Seen>::default();
        let router = Router::new()
            .route("/echo", any(echo))
            .route("/digest", any(digest))
            .route(
                "/redirect",
                get(|| async { (StatusCode::FOUND, [("location", "http://127.0.0.1/")]) }),
            )
            .route(
                "/cookies",
                get(|| async { [("set-cookie", "session=1"), ("x-kept", "yes")] }),
            )
            .route("/endless", get(endless))
            // Never reads the body, and never responds.
            .route("/unread", post(|_: Request| std::future::pending::<()>()))
            .route("/", any(|| async { "ok" }))
            .merge(product())
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), record))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("credential"), CREDENTIAL).unwrap();
        std::fs::write(directory.path().join("routes-credential"), ROUTES_CREDENTIAL).unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            port,
            directory,
            state,
            task,
        }
    }

    /// Returns the port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the origin `http://api.example.com:port`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://api.example.com:{}", self.port)
    }

    /// Returns the settings of a platform whose extensions reach this server, both as an origin and
    /// as the host application.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let port = self.port;
        [
            ("egress_allowlist", "*".to_owned()),
            (
                "egress_exceptions",
                format!("api.example.com:{port}=127.0.0.1, other.example.com:{port}=127.0.0.1"),
            ),
            ("platform_base", format!("http://localhost:{port}")),
            (
                "platform_token_file",
                self.directory.path().join("credential").display().to_string(),
            ),
            (
                "ui_proxy_token_file",
                self.directory.path().join("routes-credential").display().to_string(),
            ),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Returns the method and target of every request received so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl MockServer {
    /// Returns the `traceparent` field of every request that had one.
    #[must_use]
    pub fn traceparents(&self) -> Vec<String> {
        self.state.traceparents.lock().unwrap().clone()
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(State(seen): State<Arc<Seen>>, request: Request, next: axum::middleware::Next) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    seen.requests.lock().unwrap().push(line);
    if let Some(traceparent) = request.headers().get("traceparent") {
        let traceparent = traceparent.to_str().unwrap().to_owned();
        seen.traceparents.lock().unwrap().push(traceparent);
    }
    next.run(request).await
}

async fn echo(request: Request) -> Json<Value> {
    let (head, body) = request.into_parts();
    let shown = [
        "accept",
        "content-type",
        "content-length",
        "host",
        "transfer-encoding",
        "x-custom",
    ];
    let headers: HashMap<_, _> = shown
        .iter()
        .map(|name| (*name, head.headers.get(*name).map(|value| value.to_str().unwrap())))
        .collect();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Json(
        json!({ "method": head.method.as_str(), "target": head.uri.to_string(), "headers": headers, "body_bytes": bytes.len() }),
    )
}

/// Returns the digests of the header values, so that secrets do not occur in test output.
async fn digest(headers: HeaderMap) -> Json<Value> {
    let digests: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), hex(value.as_bytes())))
        .collect();
    Json(json!({ "headers": digests }))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn endless() -> Response {
    let chunk = Bytes::from(vec![b'a'; 64 * 1024]);
    let stream = futures_util::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(chunk.clone()));
    axum::body::Body::from_stream(stream).into_response()
}

fn product() -> Router<Arc<Seen>> {
    Router::new()
        .route("/api/tickets/{id}", get(ticket))
        .route("/api/tickets/{id}/comments", post(comment))
        .route("/api/forbidden", get(|| async { StatusCode::FORBIDDEN }))
        .route(
            "/api/nothing",
            get(|| async { (StatusCode::NOT_FOUND, "no such thing") }),
        )
        .route(
            "/api/wrong",
            get(|| async { (StatusCode::UNPROCESSABLE_ENTITY, "wrong") }),
        )
        .route("/api/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route(
            "/api/redirect",
            get(|| async { (StatusCode::FOUND, [("location", "/api/tickets/1")]) }),
        )
        .route("/api/internal/ext-clients/install/{install}", post(clients))
        .route("/api/internal/ext-services/install/{install}", post(services))
        .route("/api/internal/ext-invoicing/install/{install}", post(invoicing))
        .route_layer(axum::middleware::from_fn(known_platform))
}

async fn known_platform(request: Request, next: axum::middleware::Next) -> Response {
    let output = request
        .headers()
        .get("x-runner-auth")
        .map(axum::http::HeaderValue::as_bytes);
    let is_internal = request.uri().path().starts_with("/api/internal/");
    let expected = if is_internal { CREDENTIAL } else { ROUTES_CREDENTIAL };
    if output != Some(expected.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn who(headers: &HeaderMap) -> Value {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    json!({
        "tenant": text("x-alga-tenant"), "user": text("x-user-id"), "email": text("x-user-email"), "type": text("x-user-type"),
        "has_install": text("x-ext-install-id").is_some(), "has_request": text("x-request-id").is_some(), "cookie": text("cookie"),
    })
}

async fn ticket(Path(id): Path<String>, request: Request) -> Json<Value> {
    Json(json!({ "id": id, "target": request.uri().to_string(), "who": who(request.headers()) }))
}

async fn comment(Path(id): Path<String>, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(json!({ "id": id, "body": body })))
}

async fn clients(Json(call): Json<Value>) -> Response {
    let acme = json!({
        "clientId": "c-1", "clientName": "Acme", "clientType": "company", "isInactive": false, "defaultCurrencyCode": "EUR",
        "accountManagerId": "u-1", "accountManagerName": "Ada", "billingEmail": "billing@acme.example",
    });
    match (call["operation"].as_str(), call["input"]["search"].as_str()) {
        (Some("list"), Some("forbidden")) => StatusCode::FORBIDDEN.into_response(),
        (Some("list"), Some("another shape")) => Json(json!({ "items": 5 })).into_response(),
        (Some("list"), _) => {
            let page = (
                &call["input"]["page"],
                &call["input"]["pageSize"],
                &call["user"]["userId"],
            );
            assert!(page.0.is_u64() && page.1.is_u64() && page.2.is_string(), "{call}");
            Json(json!({ "items": [acme], "totalCount": 1, "page": 1, "pageSize": 25 })).into_response()
        }
        (Some("get"), _) if call["input"]["clientId"] == "c-1" => Json(json!({ "client": acme })).into_response(),
        _ => Json(json!({ "client": null })).into_response(),
    }
}

async fn services(Json(call): Json<Value>) -> Response {
    let support = json!({
        "serviceId": "s-1", "serviceName": "Support", "itemKind": "service", "billingMethod": "hourly", "serviceTypeId": "t-1",
        "serviceTypeName": "Work", "defaultRate": 12000, "unitOfMeasure": "hour", "isActive": true, "sku": null,
    });
    match call["operation"].as_str() {
        Some("list") => {
            let input = &call["input"];
            assert_eq!(
                (&input["itemKind"], &input["billingMethod"], &input["isActive"]),
                (&json!("service"), &json!("hourly"), &json!(true))
            );
            Json(json!({ "items": [support], "totalCount": 1, "page": 1, "pageSize": 25 })).into_response()
        }
        _ if call["input"]["serviceId"] == "s-1" => Json(json!({ "service": support })).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn invoicing(State(seen): State<Arc<Seen>>, headers: HeaderMap, Json(call): Json<Value>) -> Response {
    let input = &call["input"];
    if input["clientId"] != "c-1" {
        let refused =
            json!({ "success": false, "error": "validation failed", "fieldErrors": { "clientId": "unknown" } });
        return (StatusCode::BAD_REQUEST, Json(refused)).into_response();
    }
    let key = headers["x-idempotency-key"].to_str().unwrap().to_owned();
    let mut invoices = seen.invoices.lock().unwrap();
    let number = format!("INV-{}", invoices.len() + 1);
    let subtotal: f64 = input["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["quantity"].as_f64().unwrap() * item["rate"].as_f64().unwrap())
        .sum();
    let invoice = invoices.entry(key).or_insert_with(|| {
        json!({ "invoiceId": "i-1", "invoiceNumber": number, "status": "draft", "subtotal": subtotal, "tax": subtotal * 0.19, "total": subtotal * 1.19 })
    });
    (
        StatusCode::CREATED,
        Json(json!({ "success": true, "invoice": invoice })),
    )
        .into_response()
}

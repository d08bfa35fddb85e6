//! Mock of Vault's transit engine: the routes `encrypt` and `decrypt` with associated data, a
//! token, and a key of its own. No Vault runs here.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const TOKEN: &str = "s.test-token";

/// Mock Vault server; it stops when this value is dropped.
pub struct Vault {
    directory: TempDir,
    address: String,
    task: JoinHandle<()>,
}

/// Ciphertext → (associated data, plaintext). A real Vault stores these inside the ciphertext.
type Sealed = Arc<Mutex<HashMap<String, (String, String)>>>;

impl Vault {
    /// Starts the server on a free port of loopback, with one key.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), TOKEN).unwrap();
        let router = Router::new()
            .route("/v1/transit/encrypt/alga", post(encrypt))
            .route("/v1/transit/decrypt/alga", post(decrypt))
            .with_state(Sealed::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            directory,
            address,
            task,
        }
    }

    /// Returns the address `http://host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the path of the file that contains its token.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.directory.path().join("token")
    }

    /// Stops the server: it no longer responds.
    pub fn stop(&self) {
        self.task.abort();
    }
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_default().to_owned()
}

fn is_allowed(headers: &HeaderMap) -> bool {
    headers.get("x-vault-token").is_some_and(|token| token == TOKEN)
}

async fn encrypt(
    State(sealed): State<Sealed>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if !is_allowed(&headers) {
        return (StatusCode::FORBIDDEN, Json(json!({ "errors": ["permission denied"] })));
    }
    let mut sealed = sealed.lock().unwrap();
    let ciphertext = format!("vault:v1:{}", STANDARD.encode(format!("sealed-{}", sealed.len())));
    sealed.insert(
        ciphertext.clone(),
        (text(&body, "associated_data"), text(&body, "plaintext")),
    );
    (
        StatusCode::OK,
        Json(json!({ "data": { "ciphertext": ciphertext, "key_version": 1 } })),
    )
}

async fn decrypt(
    State(sealed): State<Sealed>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let found = sealed.lock().unwrap().get(&text(&body, "ciphertext")).cloned();
    match found {
        _ if !is_allowed(&headers) => (StatusCode::FORBIDDEN, Json(json!({ "errors": ["permission denied"] }))),
        Some((data, plaintext)) if data == text(&body, "associated_data") => {
            (StatusCode::OK, Json(json!({ "data": { "plaintext": plaintext } })))
        }
        _ => (
            StatusCode::BAD_REQUEST,
            Json(json!({ "errors": ["cipher: message authentication failed"] })),
        ),
    }
}

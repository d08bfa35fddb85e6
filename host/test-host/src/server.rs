//! The routes for the tests' libraries, below a path that only the process that started the tests
//! knows: pages in a browser of this machine cannot guess it.

use crate::host::TestHost;
use crate::release::{TestHostError, TestRelease};
use crate::script::{Change, Script, State, TestRequest, TestResponse};
use alga_errors::{Code, Problem};
use alga_execute::limits::WIRE_BYTES;
use alga_http::{Refusal, edge};
use axum::extract::{DefaultBodyLimit, Path, State as Shared};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hosts at the same moment: one for each test that runs, or was not ended.
const HOSTS: usize = 1_000;

struct Server {
    release: Arc<TestRelease>,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    by_id: HashMap<u64, Arc<TestHost>>,
    number: u64,
}

/// Builds the routes below `/{secret}`.
pub fn router(release: Arc<TestRelease>, secret: &str) -> Router {
    let server = Arc::new(Server {
        release,
        hosts: Mutex::default(),
    });
    let hosts = Router::new()
        .route("/hosts", post(create))
        .route("/hosts/{id}", get(state).patch(change).delete(end))
        .route("/hosts/{id}/requests", post(request))
        .layer(DefaultBodyLimit::max(WIRE_BYTES))
        .with_state(server);
    edge(Router::new().nest(&format!("/{secret}"), hosts))
}

impl Server {
    fn hosts(&self) -> MutexGuard<'_, Hosts> {
        // Nothing that holds the lock panics.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: u64) -> Result<Arc<TestHost>, Refusal> {
        let found = self.hosts().by_id.get(&id).cloned();
        found.ok_or_else(|| Problem::new(Code::NotFound, format!("there is no test host {id}")).into())
    }
}

async fn create(Shared(server): Shared<Arc<Server>>, body: Bytes) -> Result<(StatusCode, Json<Value>), Refusal> {
    if server.hosts().by_id.len() >= HOSTS {
        let message = format!("there are {HOSTS} test hosts; end those of tests that are over");
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    let script: Script = read(&body)?;
    let host = TestHost::new(Arc::clone(&server.release), script)
        .await
        .map_err(refusal)?;
    let mut hosts = server.hosts();
    hosts.number += 1;
    let id = hosts.number;
    hosts.by_id.insert(id, Arc::new(host));
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

async fn request(
    Shared(server): Shared<Arc<Server>>,
    Path(id): Path<u64>,
    body: Bytes,
) -> Result<Json<TestResponse>, Refusal> {
    let (host, request): (_, TestRequest) = (server.find(id)?, read(&body)?);
    Ok(Json(host.request(&request).await.map_err(refusal)?))
}

async fn change(Shared(server): Shared<Arc<Server>>, Path(id): Path<u64>, body: Bytes) -> Result<Json<State>, Refusal> {
    let (host, change): (_, Change) = (server.find(id)?, read(&body)?);
    host.change(change).map_err(refusal)?;
    Ok(Json(host.state()))
}

async fn state(Shared(server): Shared<Arc<Server>>, Path(id): Path<u64>) -> Result<Json<State>, Refusal> {
    Ok(Json(server.find(id)?.state()))
}

async fn end(Shared(server): Shared<Arc<Server>>, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    server.find(id)?;
    server.hosts().by_id.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let read = serde_json::from_slice(if body.is_empty() { b"{}" } else { body });
    read.map_err(|error| Problem::new(Code::BadRequest, error.to_string()).into())
}

fn refusal(error: TestHostError) -> Refusal {
    match error {
        TestHostError::Component(problem) => problem.into(),
        TestHostError::Script(message) => Problem::new(Code::BadRequest, message).into(),
        error => Problem::internal(error).into(),
    }
}

//! Real S3 server that serves a directory of its own.

use http::header::ETAG;
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::HttpError;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

const BUCKET: &str = "bundles";
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

/// What the server does with the condition that an object must not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conditions {
    Checked,
    Ignored,
}

/// S3 server; it stops when this value is dropped.
pub struct S3 {
    directory: TempDir,
    endpoint: String,
    task: JoinHandle<()>,
}

impl S3 {
    /// Starts the server on a free port of loopback, with one bucket.
    pub async fn start() -> Self {
        Self::start_as(Conditions::Checked).await
    }

    /// Starts a server that reports success when an object is created that exists, as stores do
    /// that ignore the condition of the request.
    pub async fn without_conditions() -> Self {
        Self::start_as(Conditions::Ignored).await
    }

    async fn start_as(conditions: Conditions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(directory.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            // Connections end when the server is dropped.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = service.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let is_creation = *request.method() == Method::PUT;
                    let response = Service::call(&service, request);
                    async move {
                        let mut response = response.await?;
                        let is_refused = response.status() == StatusCode::PRECONDITION_FAILED;
                        if conditions == Conditions::Ignored && is_creation && is_refused {
                            *response.status_mut() = StatusCode::OK;
                            response.headers_mut().insert(ETAG, HeaderValue::from_static("\"1\""));
                        }
                        Ok::<_, HttpError>(response)
                    }
                });
                connections.spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    builder.serve_connection(TokioIo::new(stream), service).await.ok();
                });
            }
        });
        Self {
            directory,
            endpoint,
            task,
        }
    }

    /// Returns the settings of a platform that stores its bundles here, under a prefix of the
    /// bucket.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("s3_bucket", BUCKET),
            ("s3_prefix", "alga"),
            ("s3_endpoint", &self.endpoint),
            ("s3_access_key", KEY),
            ("s3_secret_key", SECRET),
        ];
        settings.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
    }

    /// Returns the directory that contains the objects on disk.
    #[must_use]
    pub fn objects(&self) -> PathBuf {
        self.directory.path().join(BUCKET).join("alga/sha256")
    }

    /// Stops the server: it no longer responds.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

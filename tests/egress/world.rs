//! Egress client with a scripted resolver, and origins on loopback.

use alga_bundle::EgressPattern;
use alga_egress::{
    Caller, Egress, EgressDependencies, EgressError, OperatorPolicy, Resolve, ResolveFuture, ResponseBody, Timeouts,
    Traffic,
};
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty, Full};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Resolver that returns the next of its lists for each lookup, and the last one for all further
/// lookups; counts the lookups.
pub(crate) struct Script {
    responses: Mutex<Vec<Vec<IpAddr>>>,
    pub(crate) questions: AtomicUsize,
}

impl Script {
    pub(crate) fn new(responses: &[&[&str]]) -> Arc<Self> {
        let addresses = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            responses: Mutex::new(responses.iter().rev().map(addresses).collect()),
            questions: AtomicUsize::new(0),
        })
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let mut responses = self.responses.lock().unwrap();
        let reply = if responses.len() > 1 {
            responses.pop().unwrap()
        } else {
            responses[0].clone()
        };
        Box::pin(std::future::ready(Ok(reply)))
    }
}

pub(crate) fn egress(resolver: Arc<Script>, allowlist: &str, exceptions: &str, authorities: Vec<Vec<u8>>) -> Egress {
    Egress::new(EgressDependencies {
        operator: OperatorPolicy::parse(allowlist, exceptions, "").unwrap(),
        resolver,
        authorities,
        upstream: None,
    })
    .unwrap()
}

/// Creates an egress client for `api.example.com`, which is this port of loopback.
pub(crate) fn egress_to(port: u16, authorities: Vec<Vec<u8>>) -> Egress {
    let exceptions = format!("api.example.com:{port}=127.0.0.1");
    egress(Script::new(&[&["127.0.0.1"]]), "*", &exceptions, authorities)
}

pub(crate) fn install(name: &str) -> Caller {
    Caller::Install(name.parse().unwrap(), format!("i-{name}").parse().unwrap())
}

pub(crate) fn soon() -> Timeouts {
    Timeouts::until((Instant::now() + Duration::from_secs(20)).into_std())
}

pub(crate) fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

/// Sends a request as an install that declares and allows these hosts.
pub(crate) async fn send_as(
    egress: &Egress,
    caller: Caller,
    declared: &[&str],
    request: Request<impl http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static>,
    patience: Timeouts,
    traffic: &Traffic,
) -> Result<Response<ResponseBody>, EgressError> {
    let declared: Vec<EgressPattern> = declared.iter().map(|text| text.parse().unwrap()).collect();
    let allowed: BTreeSet<EgressPattern> = declared.iter().cloned().collect();
    let uri: Uri = request.uri().clone();
    let permitted = egress.authorize(caller, &uri, &declared, &allowed)?;
    let request = request.map(|body| body.map_err(|never| match never {}).boxed_unsync());
    egress.send(&permitted, request, traffic, patience).await
}

/// Sends a request as install `acme`.
pub(crate) async fn send_request(
    egress: &Egress,
    declared: &[&str],
    request: Request<impl http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static>,
) -> Result<Response<ResponseBody>, EgressError> {
    send_as(egress, install("acme"), declared, request, soon(), &Traffic::default()).await
}

pub(crate) async fn send(egress: &Egress, declared: &[&str], uri: &str) -> Result<Response<ResponseBody>, EgressError> {
    send_request(egress, declared, get(uri)).await
}

pub(crate) fn full(bytes: Vec<u8>) -> Full<Bytes> {
    Full::new(bytes.into())
}

pub(crate) async fn text(response: Response<ResponseBody>) -> Result<String, EgressError> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

/// Listens on loopback, counts the connections, and passes each to `serve`.
pub(crate) async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (u16, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (port, connections)
}

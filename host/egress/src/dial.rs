//! Setup of a connection, in steps that are numbered as in the code:
//! 1. read host name and port of the URI and acquire a connection permit,
//! 2. acquire a permit for the DNS lookup,
//! 3. resolve the name, once,
//! 4. vet every address,
//! 5. connect to one of the vetted addresses.
//!
//! The name is not resolved again between the check and the connection, so DNS rebinding has no
//! effect.

use crate::metered::GuardedStream;
use crate::{EgressError, OperatorPolicy, Resolve};
use governor::{DefaultDirectRateLimiter, Quota};
use http::Uri;
use hyper_util::rt::TokioIo;
use moka::sync::Cache;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tower_service::Service;

/// Time limit for name resolution and connection together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time to wait for a connection permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time limit for one address, so that an unresponsive one leaves time for another.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of addresses of a name. A name with more is refused, so that no address remains
/// unvetted.
const ADDRESSES: usize = 32;
/// Maximum number of addresses to try.
const TRIES: usize = 4;
/// New names that one install may look up per minute. A lookup under a wildcard domain sends data
/// to that domain's name server.
const NAMES_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);
/// Lookups per minute of one install, repeated names included: the order of lookups can carry data,
/// too.
const QUESTIONS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);
/// Burst of new names.
const NAMES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Time for which a looked-up name does not count as new again.
const NAME_MEMORY: Duration = Duration::from_secs(60);
/// Capacity of the cache of looked-up names: more than can be new in a minute.
const NAMES: u64 = 1_000;
/// Concurrent lookups of one tenant: the system's resolver has few slots, and a lookup may last
/// half a minute.
pub(crate) const CONCURRENT_LOOKUPS: usize = 8;
/// Maximum number of connections of one install: in use, idle and closing.
const CONNECTIONS: usize = 96;

/// Connector for the requests of one install.
#[derive(Clone)]
pub(crate) struct GuardedConnector {
    operator: Arc<OperatorPolicy>,
    resolver: Arc<dyn Resolve>,
    /// `None` if only the operator chooses the destinations.
    names: Option<Arc<DnsLimiter>>,
    permits: Arc<Semaphore>,
}

/// Limits on the DNS lookups of an install.
struct DnsLimiter {
    known: Cache<String, ()>,
    new: DefaultDirectRateLimiter,
    all: DefaultDirectRateLimiter,
    lookups: Arc<Semaphore>,
}

impl DnsLimiter {
    fn new(lookups: Arc<Semaphore>) -> Self {
        let quota = Quota::per_minute(NAMES_PER_MINUTE).allow_burst(NAMES_AT_ONCE);
        Self {
            known: Cache::builder().max_capacity(NAMES).time_to_live(NAME_MEMORY).build(),
            new: DefaultDirectRateLimiter::direct(quota),
            all: DefaultDirectRateLimiter::direct(Quota::per_minute(QUESTIONS_PER_MINUTE)),
            lookups,
        }
    }

    /// Acquires a permit to look up a name. Lookups over the concurrency limit wait here.
    async fn acquire(&self, name: &str) -> Result<OwnedSemaphorePermit, EgressError> {
        if !self.known.contains_key(name) {
            self.new
                .check()
                .map_err(|_| EgressError::TooMany("an install looks up at most 120 new names per minute"))?;
            self.known.insert(name.to_owned(), ());
        }
        let too_many = |_| EgressError::TooMany("an install looks up at most 600 names per minute");
        self.all.check().map_err(too_many)?;
        let permit = Arc::clone(&self.lookups).acquire_owned().await;
        permit.map_err(|_| EgressError::Unresolved)
    }
}

impl GuardedConnector {
    /// Creates a connector for destinations that an extension chooses.
    pub(crate) fn new(operator: Arc<OperatorPolicy>, resolver: Arc<dyn Resolve>, lookups: Arc<Semaphore>) -> Self {
        Self {
            names: Some(Arc::new(DnsLimiter::new(lookups))),
            ..Self::for_platform(operator, resolver)
        }
    }

    /// Creates a connector for destinations that the operator has chosen.
    pub(crate) fn for_platform(operator: Arc<OperatorPolicy>, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            operator,
            resolver,
            names: None,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    async fn connect(self, uri: Uri) -> Result<GuardedStream, EgressError> {
        // 1. The name that `Destination` parsed; the URI was built from it.
        let host = uri.host().ok_or(EgressError::Target("the target has no host"))?;
        let own_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(own_port);
        // Waits for a while, because idle connections close soon.
        let permit = timeout(PERMIT_TIMEOUT, Arc::clone(&self.permits).acquire_owned()).await;
        let too_many = EgressError::TooMany("an install has at most 96 connections");
        let Ok(Ok(permit)) = permit else { return Err(too_many) };
        let connect = async {
            let addresses = self.addresses(host, port).await?;
            // 5.
            let mut failure = EgressError::Unresolved;
            for address in addresses.into_iter().take(TRIES) {
                match timeout(ADDRESS_TIMEOUT, TcpStream::connect(SocketAddr::new(address, port))).await {
                    Ok(Ok(stream)) => {
                        stream.set_nodelay(true).ok();
                        return Ok(GuardedStream::new(stream, permit));
                    }
                    Ok(Err(error)) => failure = EgressError::Connection(error.kind().to_string()),
                    Err(_) => failure = EgressError::ConnectTimeout,
                }
            }
            Err(failure)
        };
        timeout(CONNECT_TIMEOUT, connect)
            .await
            .unwrap_or(Err(EgressError::ConnectTimeout))
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, EgressError> {
        let pinned = self.operator.pinned(host, port);
        if !pinned.is_empty() {
            tracing::info!(target: "alga::egress", host, port, addresses = ?pinned, "connecting to a pinned address of an operator's exception");
            return Ok(pinned);
        }
        // 2.
        let question = match &self.names {
            Some(names) => Some(names.acquire(host).await?),
            None => None,
        };
        // 3.
        let (resolver, name) = (Arc::clone(&self.resolver), host.to_owned());
        // A separate task holds the permit until the lookup ends, even if its caller is dropped.
        let asked = tokio::spawn(async move {
            let resolved = resolver.resolve(&name).await;
            drop(question);
            resolved
        });
        let resolved = asked.await.map_err(|_| EgressError::Unresolved)?;
        let addresses = resolved.map_err(|_| EgressError::Unresolved)?;
        if addresses.len() > ADDRESSES {
            return Err(EgressError::TooMany("a name has at most 32 addresses"));
        }
        // 4.
        for address in &addresses {
            self.operator
                .vet(host, port, *address)
                .map_err(|what| EgressError::Address {
                    host: host.to_owned(),
                    what,
                })?;
        }
        Ok(addresses)
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<GuardedStream>;
    type Error = EgressError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<GuardedStream>, EgressError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), EgressError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.clone();
        Box::pin(async move { dial.connect(uri).await.map(TokioIo::new) })
    }
}

/// A connector with a time limit for its whole work, the TLS handshake included, even if its caller
/// is dropped.
#[derive(Clone)]
pub(crate) struct TimeoutConnector<C>(pub(crate) C);

impl<C> Service<Uri> for TimeoutConnector<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = C::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(EgressError::ConnectTimeout.into()),
            }
        })
    }
}

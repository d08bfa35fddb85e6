//! Connecting: the name, not too many questions, its addresses, once, every one of them vetted, a connection to one of those. Between the check and the
//! connection there is nothing that could answer differently. The numbers are in the code.

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

/// Time for name and connection together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time to wait for a place.
const PLACE_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for one address, so that a silent one leaves time for another.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Addresses of a name that are looked at. One more, and the name is refused: what is not vetted must not be hidden behind what is.
const ADDRESSES: usize = 32;
/// Addresses that are tried.
const TRIES: usize = 4;
/// New names in a minute, of one install: a name under a wildcard is a message to whoever answers for it.
const NAMES_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);
/// Questions in a minute, of one install, names that it asked for before included: in which order it asks is a message, too.
const QUESTIONS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(599);
/// New names at once.
const NAMES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// How long a name is not new any more after it was asked for.
const NAME_MEMORY: Duration = Duration::from_secs(60);
/// Names that are remembered for it: more than a minute can bring.
const NAMES: u64 = 1_000;
/// Questions under way, of one tenant: the system's resolver has few places, and an answer may take half a minute.
pub(crate) const CONCURRENT_LOOKUPS: usize = 8;
/// Connections of one install, in use, idle, and on their way out.
const CONNECTIONS: usize = 96;

/// Connects for one install.
#[derive(Clone)]
pub(crate) struct GuardedConnector {
    operator: Arc<OperatorPolicy>,
    resolver: Arc<dyn Resolve>,
    /// None where the operator alone chooses the destinations.
    names: Option<Arc<DnsLimiter>>,
    places: Arc<Semaphore>,
}

/// What an install asks of the resolver.
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

    /// Room to ask for a name. Requests to one host at once wait for each other here.
    async fn acquire(&self, name: &str) -> Result<OwnedSemaphorePermit, EgressError> {
        if !self.known.contains_key(name) {
            self.new
                .check()
                .map_err(|_| EgressError::TooMany("an install asks for at most 120 new names in a minute"))?;
            self.known.insert(name.to_owned(), ());
        }
        let too_many = |_| EgressError::TooMany("an install asks for at most 600 names in a minute");
        self.all.check().map_err(too_many)?;
        let place = Arc::clone(&self.lookups).acquire_owned().await;
        place.map_err(|_| EgressError::Unresolved)
    }
}

impl GuardedConnector {
    /// For destinations that an extension chooses.
    pub(crate) fn new(operator: Arc<OperatorPolicy>, resolver: Arc<dyn Resolve>, lookups: Arc<Semaphore>) -> Self {
        Self {
            names: Some(Arc::new(DnsLimiter::new(lookups))),
            ..Self::for_platform(operator, resolver)
        }
    }

    /// For destinations that the operator has chosen.
    pub(crate) fn for_platform(operator: Arc<OperatorPolicy>, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            operator,
            resolver,
            names: None,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    async fn connect(self, uri: Uri) -> Result<GuardedStream, EgressError> {
        // 1. The name that `Destination` read; the URI was built of it.
        let host = uri.host().ok_or(EgressError::Target("there is no host"))?;
        let own_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(own_port);
        // Some may be idle, and go soon.
        let place = timeout(PLACE_TIMEOUT, Arc::clone(&self.places).acquire_owned()).await;
        let too_many = EgressError::TooMany("an install has at most 96 connections");
        let Ok(Ok(place)) = place else { return Err(too_many) };
        let connect = async {
            let addresses = self.addresses(host, port).await?;
            // 5.
            let mut failure = EgressError::Unresolved;
            for address in addresses.into_iter().take(TRIES) {
                match timeout(ADDRESS_TIMEOUT, TcpStream::connect(SocketAddr::new(address, port))).await {
                    Ok(Ok(stream)) => {
                        stream.set_nodelay(true).ok();
                        return Ok(GuardedStream::new(stream, place));
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
            tracing::info!(target: "alga::egress", host, port, addresses = ?pinned, "an address is reached by the operator's exception");
            return Ok(pinned);
        }
        // 2.
        let question = match &self.names {
            Some(names) => Some(names.acquire(host).await?),
            None => None,
        };
        // 3.
        let (resolver, name) = (Arc::clone(&self.resolver), host.to_owned());
        // A task of its own keeps its place until there is an answer, even if nobody waits for it any more.
        let asked = tokio::spawn(async move {
            let answer = resolver.resolve(&name).await;
            drop(question);
            answer
        });
        let answer = asked.await.map_err(|_| EgressError::Unresolved)?;
        let addresses = answer.map_err(|_| EgressError::Unresolved)?;
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

/// A connector whose whole work, the handshake of TLS included, ends in time, even where nobody waits for it any more.
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

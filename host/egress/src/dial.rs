//! Connecting: the name, not too many questions, its addresses, once, every one of them vetted, a connection to one of those. Between the check and the
//! connection there is nothing that could answer differently. The numbers are in the code.

use crate::metered::Metered;
use crate::{OperatorPolicy, Refused, Resolve};
use governor::{DefaultDirectRateLimiter, Quota};
use http::Uri;
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

/// Time for name and connection together.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one address, so that a silent one leaves time for another.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Addresses of a name that are looked at. One more, and the name is refused: what is not vetted must not be hidden behind what is.
const ADDRESSES: usize = 32;
/// Addresses that are tried.
const TRIES: usize = 4;
/// Questions about names in a minute, of one install: a name under a wildcard is a message to whoever answers for it.
const QUESTIONS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);

/// Connects for one install.
#[derive(Clone)]
pub(crate) struct Dial {
    operator: Arc<OperatorPolicy>,
    resolver: Arc<dyn Resolve>,
    questions: Arc<DefaultDirectRateLimiter>,
}

impl Dial {
    pub(crate) fn new(operator: Arc<OperatorPolicy>, resolver: Arc<dyn Resolve>) -> Self {
        Self {
            operator,
            resolver,
            questions: Arc::new(DefaultDirectRateLimiter::direct(Quota::per_minute(
                QUESTIONS_PER_MINUTE,
            ))),
        }
    }

    async fn connect(self, uri: Uri) -> Result<Metered, Refused> {
        // 1. The name that `Destination` read; the URI was built of it.
        let host = uri.host().ok_or(Refused::Target("there is no host"))?;
        let own_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(own_port);
        let connect = async {
            let addresses = self.addresses(host, port).await?;
            // 5.
            let mut failure = Refused::Unresolved;
            for address in addresses.into_iter().take(TRIES) {
                match timeout(ADDRESS_TIMEOUT, TcpStream::connect(SocketAddr::new(address, port))).await {
                    Ok(Ok(stream)) => {
                        stream.set_nodelay(true).ok();
                        return Ok(Metered::new(stream));
                    }
                    Ok(Err(error)) => failure = Refused::Connection(error.kind().to_string()),
                    Err(_) => failure = Refused::ConnectTimeout,
                }
            }
            Err(failure)
        };
        timeout(CONNECT_TIMEOUT, connect)
            .await
            .unwrap_or(Err(Refused::ConnectTimeout))
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<IpAddr>, Refused> {
        let pinned = self.operator.pinned(host, port);
        if !pinned.is_empty() {
            return Ok(pinned);
        }
        // 2.
        if self.questions.check().is_err() {
            return Err(Refused::TooMany("an install asks for at most 120 names in a minute"));
        }
        // 3.
        let addresses = self.resolver.resolve(host).await.map_err(|_| Refused::Unresolved)?;
        if addresses.len() > ADDRESSES {
            return Err(Refused::TooMany("a name has at most 32 addresses"));
        }
        // 4.
        for address in &addresses {
            self.operator
                .vet(host, port, *address)
                .map_err(|what| Refused::Address {
                    host: host.to_owned(),
                    what,
                })?;
        }
        Ok(addresses)
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<Metered>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Metered>, Refused>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.clone();
        Box::pin(async move { dial.connect(uri).await.map(TokioIo::new) })
    }
}

//! Resolution of host names to addresses.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A pending lookup of addresses.
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Resolver of host names.
pub trait Resolve: Send + Sync {
    /// Resolves a name to all of its current addresses.
    fn resolve<'a>(&'a self, name: &'a str) -> ResolveFuture<'a>;
}

/// Maximum number of concurrent lookups. Each holds a thread until it ends; the runtime has 512 for
/// all blocking work.
const QUESTIONS: usize = 128;

/// The system's resolver, with its hosts file and DNS servers.
pub struct SystemResolver {
    permits: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(QUESTIONS)),
        }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move {
            let permit = Arc::clone(&self.permits)
                .acquire_owned()
                .await
                .map_err(io::Error::other)?;
            let name = name.to_owned();
            // A separate task holds the permit until the thread is free, even if its caller is
            // dropped.
            let asked = tokio::spawn(async move {
                let addresses = tokio::net::lookup_host((name.as_str(), 0)).await;
                drop(permit);
                addresses.map(|found| found.map(|address| address.ip()).collect())
            });
            asked.await.map_err(io::Error::other)?
        })
    }
}

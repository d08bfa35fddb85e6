//! Names to addresses.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Addresses under way.
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Asks for the addresses of a name.
pub trait Resolve: Send + Sync {
    /// All addresses that a name has now.
    fn resolve<'a>(&'a self, name: &'a str) -> ResolveFuture<'a>;
}

/// Questions at the same time. Each holds a thread, however long its answer takes; the runtime has 512 for everything that blocks.
const QUESTIONS: usize = 128;

/// The system's resolver, with its files and its servers.
pub struct SystemResolver {
    places: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(QUESTIONS)),
        }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move {
            let place = Arc::clone(&self.places)
                .acquire_owned()
                .await
                .map_err(io::Error::other)?;
            let name = name.to_owned();
            // A task of its own keeps its place until the thread is free, even if nobody waits for the answer any more.
            let asked = tokio::spawn(async move {
                let addresses = tokio::net::lookup_host((name.as_str(), 0)).await;
                drop(place);
                addresses.map(|found| found.map(|address| address.ip()).collect())
            });
            asked.await.map_err(io::Error::other)?
        })
    }
}

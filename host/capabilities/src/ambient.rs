//! Ambient interfaces, which every component may import without a grant: input and output streams,
//! coarse clocks, bounded randomness, and the types of HTTP. None of them reaches outside the
//! execution.
//!
//! Clocks and randomness are implemented here over the generated bindings, because the
//! implementations in `wasmtime-wasi` have the full resolution of the machine's clocks and set up
//! three random generators for every request.

use crate::{BoxFuture, TimeSource};
use alga_bundle::Capability;
use alga_engine::GuestLimit;
use http::{HeaderName, Request, Response};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};
use wasmtime::Result;
use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::{clocks, io, random};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_http::p2::bindings::http::types as http_types;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp,
    WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

/// The resolution of both clocks: too coarse for a cache-timing attack on another tenant.
pub(crate) const CLOCK_RESOLUTION: Duration = Duration::from_millis(1);
/// Maximum bytes of randomness per call.
const RANDOM_BYTES: u64 = 64 * 1024;
/// Maximum bytes of one set of headers in the host's memory.
const FIELDS_BYTES: usize = 32 * 1024;
/// Maximum bytes that a guest may write to a body per call.
pub(crate) const BODY_CHUNK_BYTES: usize = 64 * 1024;

pub(crate) const fn interface(name: &'static str, promise: &'static str) -> Capability {
    Capability {
        name: "",
        interface: name,
        version: (0, 2, 12),
        granted_by_default: true,
        used_by_pages: false,
        sends: false,
        promise,
    }
}

/// The ambient interfaces.
pub(crate) const INTERFACES: [Capability; 9] = [
    interface("wasi:io/error", "stream errors"),
    interface("wasi:io/poll", "waiting for events"),
    interface("wasi:io/streams", "streaming of bodies"),
    interface("wasi:clocks/monotonic-clock", "monotonic time, in steps of 1 ms"),
    interface("wasi:clocks/wall-clock", "the date, in steps of 1 ms"),
    interface("wasi:random/random", "randomness, at most 64 KiB per call"),
    interface("wasi:random/insecure", "randomness, at most 64 KiB per call"),
    interface("wasi:random/insecure-seed", "a seed for hash maps"),
    interface(
        "wasi:http/types",
        "requests and responses as values; sending one needs a capability",
    ),
];

/// Places in [`INTERFACES`].
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Error,
    Poll,
    Streams,
    MonotonicClock,
    WallClock,
    Random,
    Insecure,
    InsecureSeed,
    Http,
}

/// The state of the ambient interfaces in one store.
pub(crate) struct Ambient {
    pub(crate) http: WasiHttpCtx,
    pub(crate) hooks: Hooks,
    clock: Clock,
    random: Random,
}

impl Ambient {
    pub(crate) fn new(time: Option<Arc<dyn TimeSource>>) -> Self {
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES);
        Self {
            http,
            hooks: Hooks,
            clock: match time {
                None => Clock::Machine(Instant::now()),
                Some(source) => Clock::Source(source.elapsed(), source),
            },
            random: Random,
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }
}

/// Data of a store with the state of the ambient interfaces.
pub(crate) trait HasAmbient: Send + 'static {
    /// Counts a call of an interface, and returns the state and the table of resource handles.
    fn ambient(&mut self, called: Place) -> (&mut Ambient, &mut ResourceTable);
}

/// Returns the view that the bindings of `wasi:http` require.
pub(crate) fn http_view<'a>(ambient: &'a mut Ambient, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
    WasiHttpCtxView {
        hooks: &mut ambient.hooks,
        table,
        ctx: &mut ambient.http,
    }
}

/// Links every ambient interface.
pub(crate) fn link<T: HasAmbient>(linker: &mut Linker<T>) -> Result<()> {
    io::error::add_to_linker::<T, HasTable>(linker, |data| data.ambient(Place::Error).1)?;
    io::poll::add_to_linker::<T, HasTable>(linker, |data| data.ambient(Place::Poll).1)?;
    io::streams::add_to_linker::<T, HasTable>(linker, |data| data.ambient(Place::Streams).1)?;
    clocks::monotonic_clock::add_to_linker::<T, HasClock>(linker, |data| {
        clock_view(data.ambient(Place::MonotonicClock))
    })?;
    clocks::wall_clock::add_to_linker::<T, HasClock>(linker, |data| clock_view(data.ambient(Place::WallClock)))?;
    random::random::add_to_linker::<T, HasSelf<Random>>(linker, |data| &mut data.ambient(Place::Random).0.random)?;
    random::insecure::add_to_linker::<T, HasSelf<Random>>(linker, |data| &mut data.ambient(Place::Insecure).0.random)?;
    random::insecure_seed::add_to_linker::<T, HasSelf<Random>>(linker, |data| {
        &mut data.ambient(Place::InsecureSeed).0.random
    })?;
    http_types::add_to_linker::<T, WasiHttp>(linker, &http_types::LinkOptions::default(), |data| {
        let (ambient, table) = data.ambient(Place::Http);
        http_view(ambient, table)
    })
}

pub(crate) struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// The clocks of one execution, with its start.
pub(crate) enum Clock {
    Machine(Instant),
    Source(Duration, Arc<dyn TimeSource>),
}

impl Clock {
    /// Returns the time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        match self {
            Self::Machine(start) => start.elapsed(),
            Self::Source(start, source) => source.elapsed().saturating_sub(*start),
        }
    }

    pub(crate) fn date(&self) -> SystemTime {
        match self {
            Self::Machine(_) => SystemTime::now(),
            Self::Source(_, source) => source.now(),
        }
    }
}

struct ClockView<'a> {
    clock: &'a Clock,
    table: &'a mut ResourceTable,
}

struct HasClock;

impl HasData for HasClock {
    type Data<'a> = ClockView<'a>;
}

fn clock_view<'a>((ambient, table): (&'a mut Ambient, &'a mut ResourceTable)) -> ClockView<'a> {
    ClockView {
        clock: &ambient.clock,
        table,
    }
}

pub(crate) fn coarse(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl clocks::wall_clock::Host for ClockView<'_> {
    fn now(&mut self) -> Result<clocks::wall_clock::Datetime> {
        let now = coarse(
            self.clock
                .date()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        );
        Ok(clocks::wall_clock::Datetime {
            seconds: now.as_secs(),
            nanoseconds: now.subsec_nanos(),
        })
    }

    fn resolution(&mut self) -> Result<clocks::wall_clock::Datetime> {
        Ok(clocks::wall_clock::Datetime {
            seconds: 0,
            nanoseconds: CLOCK_RESOLUTION.subsec_nanos(),
        })
    }
}

impl clocks::monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(nanoseconds(coarse(self.clock.elapsed())))
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(nanoseconds(CLOCK_RESOLUTION))
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        let now = nanoseconds(self.clock.elapsed());
        self.subscribe_duration(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        let sleep = self
            .table
            .push(Sleep::new(self.clock, Duration::from_nanos(duration)))?;
        subscribe(self.table, sleep)
    }
}

/// A timer for one sleep.
enum Sleep {
    /// Until an instant. `None`, because the instant cannot be represented, never fires, and the
    /// execution's deadline ends the wait.
    Until(Option<tokio::time::Instant>),
    /// Of another source of time; `None` after it has ended.
    Source(Option<BoxFuture<'static, ()>>),
}

impl Sleep {
    /// Creates a sleep of this duration, rounded up: it never ends early, and its end reveals no
    /// finer time than the clock.
    fn new(clock: &Clock, duration: Duration) -> Self {
        let duration = Duration::from_millis(nanoseconds(duration).div_ceil(nanoseconds(CLOCK_RESOLUTION)));
        match clock {
            Clock::Machine(_) => Self::Until(tokio::time::Instant::now().checked_add(duration)),
            Clock::Source(_, source) => Self::Source(Some(source.sleep(duration))),
        }
    }
}

/// Waits until this time has passed.
pub(crate) fn wait(clock: &Clock, duration: Duration) -> impl Future<Output = ()> + use<> {
    let mut sleep = Sleep::new(clock, duration);
    async move { sleep.ready().await }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        match self {
            Self::Until(Some(until)) => tokio::time::sleep_until(*until).await,
            Self::Until(None) => std::future::pending().await,
            Self::Source(sleep) => {
                if let Some(waiting) = sleep {
                    waiting.await;
                }
                *sleep = None;
            }
        }
    }
}

/// Randomness that is read from the operating system on each call.
pub(crate) struct Random;

pub(crate) fn random_bytes(length: u64) -> Result<Vec<u8>> {
    if length > RANDOM_BYTES {
        return Err(wasmtime::Error::new(GuestLimit::CallBytes));
    }
    let mut bytes = vec![0; usize::try_from(length)?];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

impl random::random::Host for Random {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        random_bytes(length)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(getrandom::u64()?)
    }
}

impl random::insecure::Host for Random {
    fn get_insecure_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        random_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        Ok(getrandom::u64()?)
    }
}

impl random::insecure_seed::Host for Random {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok((getrandom::u64()?, getrandom::u64()?))
    }
}

/// Hooks with the header and body policies of `wasi:http/types`.
pub(crate) struct Hooks;

/// The header filter that all executions share, so that none is allocated per execution.
static FORBIDDEN: LazyLock<ForbiddenHeaderFilter> = LazyLock::new(|| Arc::new(is_forbidden));

/// Returns the filter for headers that a guest can neither set nor read.
pub(crate) fn forbidden_header_filter() -> ForbiddenHeaderFilter {
    Arc::clone(&FORBIDDEN)
}

fn is_forbidden(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
}

type SendRequest = dyn Future<Output = wasmtime_wasi_http::Result<(Response<WasiBody>, Box<BodyErrors>)>> + Send;
type BodyErrors = dyn Future<Output = Result<(), HttpError>> + Send;

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        forbidden_header_filter()
    }

    /// Denies every request: `wasi:http/types` sends none, and the `fetch` module has hooks of its
    /// own.
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<BodyErrors>,
    ) -> Box<SendRequest> {
        Box::new(std::future::ready(Err(HttpError::HttpRequestDenied)))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host as _;

    #[test]
    fn clocks_return_whole_milliseconds() {
        let mut table = ResourceTable::new();
        let mut view = ClockView {
            clock: &Clock::Machine(Instant::now() - Duration::from_micros(1_234_567)),
            table: &mut table,
        };
        assert_eq!(clocks::monotonic_clock::Host::now(&mut view).unwrap() % 1_000_000, 0);
        assert_eq!(
            clocks::wall_clock::Host::now(&mut view).unwrap().nanoseconds % 1_000_000,
            0
        );
        assert_eq!(view.subscribe_duration(u64::MAX).map(|_| ()).ok(), Some(()));
        let _ = clocks::wall_clock::Host::resolution(&mut view);
    }

    #[test]
    fn randomness_is_bounded_in_one_call() {
        assert_eq!(random_bytes(RANDOM_BYTES).unwrap().len(), 64 * 1024);
        assert!(random_bytes(RANDOM_BYTES + 1).is_err() && random_bytes(u64::MAX).is_err());
    }
}

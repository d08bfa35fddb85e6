//! What every component may import without being granted anything: input and output streams, coarse clocks, bounded randomness, and
//! the types of HTTP. None of it reaches outside the execution.
//!
//! Clocks and randomness are our own few lines over the generated bindings: the ones in `wasmtime-wasi` have the full resolution of the
//! machine's clocks and set up three random generators for every request.

use crate::StoreData;
use alga_bundle::Capability;
use http::{HeaderName, Request, Response};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};
use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::bindings::{clocks, io, random};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_http::p2::bindings::http::types as http_types;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error as HttpError, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp,
    WasiHttpCtx, WasiHttpHooks,
};

/// The resolution of both clocks: too coarse to time a neighbour's cache lines.
const CLOCK_RESOLUTION: Duration = Duration::from_millis(1);
/// Bytes of randomness in one call.
const RANDOM_BYTES: u64 = 64 * 1024;
/// Bytes of a set of headers in the host's memory.
const FIELDS_BYTES: usize = 32 * 1024;
/// Bytes that a guest may write to a body in one call.
pub(crate) const BODY_CHUNK_BYTES: usize = 64 * 1024;

pub(crate) const fn interface(name: &'static str, promise: &'static str) -> Capability {
    Capability {
        name: "",
        interface: name,
        version: (0, 2, 12),
        granted_by_default: true,
        promise,
    }
}

/// The ambient interfaces.
pub(crate) const INTERFACES: [Capability; 9] = [
    interface("wasi:io/error", "errors of streams"),
    interface("wasi:io/poll", "waiting"),
    interface("wasi:io/streams", "bytes of bodies"),
    interface(
        "wasi:clocks/monotonic-clock",
        "time that never goes back, in steps of 1 ms",
    ),
    interface("wasi:clocks/wall-clock", "the date, in steps of 1 ms"),
    interface("wasi:random/random", "randomness, 64 KiB in one call"),
    interface("wasi:random/insecure", "the same"),
    interface("wasi:random/insecure-seed", "a seed for hash maps"),
    interface(
        "wasi:http/types",
        "requests and responses as values; sending one needs a capability",
    ),
];

/// The ambient part of a store.
pub(crate) struct Ambient {
    pub(crate) http: WasiHttpCtx,
    pub(crate) hooks: Hooks,
    clock: Clock,
    random: Random,
}

impl Ambient {
    pub(crate) fn new() -> Self {
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES);
        Self {
            http,
            hooks: Hooks,
            clock: Clock { start: Instant::now() },
            random: Random,
        }
    }
}

/// Links all of it.
pub(crate) fn link(linker: &mut Linker<StoreData>) -> Result<()> {
    io::error::add_to_linker::<StoreData, HasTable>(linker, |host| &mut host.table)?;
    io::poll::add_to_linker::<StoreData, HasTable>(linker, |host| &mut host.table)?;
    io::streams::add_to_linker::<StoreData, HasTable>(linker, |host| &mut host.table)?;
    clocks::monotonic_clock::add_to_linker::<StoreData, HasClock>(linker, clock_view)?;
    clocks::wall_clock::add_to_linker::<StoreData, HasClock>(linker, clock_view)?;
    random::random::add_to_linker::<StoreData, HasSelf<Random>>(linker, |host| &mut host.ambient.random)?;
    random::insecure::add_to_linker::<StoreData, HasSelf<Random>>(linker, |host| &mut host.ambient.random)?;
    random::insecure_seed::add_to_linker::<StoreData, HasSelf<Random>>(linker, |host| &mut host.ambient.random)?;
    http_types::add_to_linker::<StoreData, WasiHttp>(linker, &http_types::LinkOptions::default(), StoreData::http)
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// The moment at which the execution's monotonic clock was 0.
#[derive(Clone, Copy)]
struct Clock {
    start: Instant,
}

struct ClockView<'a> {
    clock: Clock,
    table: &'a mut ResourceTable,
}

struct HasClock;

impl HasData for HasClock {
    type Data<'a> = ClockView<'a>;
}

fn clock_view(host: &mut StoreData) -> ClockView<'_> {
    ClockView {
        clock: host.ambient.clock,
        table: &mut host.table,
    }
}

fn coarse(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl clocks::wall_clock::Host for ClockView<'_> {
    fn now(&mut self) -> Result<clocks::wall_clock::Datetime> {
        let now = coarse(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
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
        Ok(nanoseconds(coarse(self.clock.start.elapsed())))
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(nanoseconds(CLOCK_RESOLUTION))
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        let now = nanoseconds(self.clock.start.elapsed());
        self.subscribe_duration(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        // Rounded up: a sleep never ends early, and its end tells no more than the clock.
        let ticks = duration.div_ceil(nanoseconds(CLOCK_RESOLUTION));
        let until = tokio::time::Instant::now().checked_add(Duration::from_millis(ticks));
        let sleep = self.table.push(Sleep { until })?;
        subscribe(self.table, sleep)
    }
}

/// A wait; for ever, if the moment cannot be represented. The execution's deadline ends it.
struct Sleep {
    until: Option<tokio::time::Instant>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }
}

/// Randomness from the operating system, only when it is asked for.
struct Random;

fn random_bytes(length: u64) -> Result<Vec<u8>> {
    if length > RANDOM_BYTES {
        bail!("{length} random bytes asked for; {RANDOM_BYTES} are allowed in one call");
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

/// Policies of `wasi:http`.
pub(crate) struct Hooks;

/// Shared by all executions: nothing is allocated for the filter.
static FORBIDDEN: LazyLock<ForbiddenHeaderFilter> = LazyLock::new(|| Arc::new(is_forbidden));

/// The headers that no guest sets or sees.
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

    /// These hooks are those of `wasi:http/types`, which sends nothing; `fetch` has its own.
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::Host as _;

    #[test]
    fn clocks_tell_whole_milliseconds_only() {
        let mut table = ResourceTable::new();
        let mut view = ClockView {
            clock: Clock {
                start: Instant::now() - Duration::from_micros(1_234_567),
            },
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

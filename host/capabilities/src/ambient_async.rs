//! The interfaces of WASI 0.3 that need no grant: clocks, randomness and HTTP messages, with the
//! same limits as those of WASI 0.2. Linked only where the operator has enabled them.

use crate::ambient;
use crate::ambient::{Ambient, Clock, Random, coarse, http_view, nanoseconds, random_bytes, wait};
use alga_bundle::Capability;
use std::time::{Duration, SystemTime};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::p3::bindings::{clocks, random};
use wasmtime_wasi_http::WasiHttp;
use wasmtime_wasi_http::p3::bindings::http::types;

/// Describes an interface of WASI 0.3 that needs no grant.
pub(crate) const fn interface(name: &'static str, promise: &'static str) -> Capability {
    Capability {
        version: (0, 3, 0),
        ..ambient::interface(name, promise)
    }
}

/// The interfaces that need no grant.
pub(crate) const INTERFACES: [Capability; 7] = [
    interface("wasi:clocks/types", "units of time"),
    interface("wasi:clocks/monotonic-clock", "monotonic time, in steps of 1 ms"),
    interface("wasi:clocks/system-clock", "the date, in steps of 1 ms"),
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
    ClockTypes,
    MonotonicClock,
    SystemClock,
    Random,
    Insecure,
    InsecureSeed,
    Http,
}

/// Data of a store with the state of the interfaces of WASI 0.3.
pub(crate) trait HasAmbientAsync: Send + 'static {
    /// Counts a call of an interface, and returns the state and the table of resource handles.
    fn ambient_async(&mut self, called: Place) -> (&mut Ambient, &mut ResourceTable);
}

/// Links the interfaces.
pub(crate) fn link<T: HasAmbientAsync>(linker: &mut Linker<T>) -> Result<()> {
    clocks::types::add_to_linker::<T, HasClocks>(linker, |data| clock(data, Place::ClockTypes))?;
    clocks::monotonic_clock::add_to_linker::<T, HasClocks>(linker, |data| clock(data, Place::MonotonicClock))?;
    clocks::system_clock::add_to_linker::<T, HasClocks>(linker, |data| clock(data, Place::SystemClock))?;
    random::random::add_to_linker::<T, HasSelf<Random>>(linker, |data| randomness(data, Place::Random))?;
    random::insecure::add_to_linker::<T, HasSelf<Random>>(linker, |data| randomness(data, Place::Insecure))?;
    random::insecure_seed::add_to_linker::<T, HasSelf<Random>>(linker, |data| randomness(data, Place::InsecureSeed))?;
    types::add_to_linker::<T, WasiHttp>(linker, |data| {
        let (ambient, table) = data.ambient_async(Place::Http);
        http_view(ambient, table)
    })
}

struct HasClocks;

impl HasData for HasClocks {
    type Data<'a> = ClocksView<'a>;
}

/// The clocks of one execution.
struct ClocksView<'a>(&'a Clock);

fn clock<T: HasAmbientAsync>(data: &mut T, place: Place) -> ClocksView<'_> {
    ClocksView(data.ambient_async(place).0.clock())
}

fn randomness<T: HasAmbientAsync>(data: &mut T, place: Place) -> &mut Random {
    data.ambient_async(place).0.random()
}

impl clocks::types::Host for ClocksView<'_> {}

impl clocks::system_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> Result<clocks::system_clock::Instant> {
        let now = coarse(self.0.date().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        Ok(clocks::system_clock::Instant {
            seconds: i64::try_from(now.as_secs())?,
            nanoseconds: now.subsec_nanos(),
        })
    }

    fn get_resolution(&mut self) -> Result<clocks::types::Duration> {
        Ok(nanoseconds(ambient::CLOCK_RESOLUTION))
    }
}

impl clocks::monotonic_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> Result<clocks::monotonic_clock::Mark> {
        Ok(nanoseconds(coarse(self.0.elapsed())))
    }

    fn get_resolution(&mut self) -> Result<clocks::types::Duration> {
        Ok(nanoseconds(ambient::CLOCK_RESOLUTION))
    }
}

impl<T: 'static> clocks::monotonic_clock::HostWithStore<T> for HasClocks {
    async fn wait_until(store: &Accessor<T, Self>, when: clocks::monotonic_clock::Mark) -> Result<()> {
        let waiting = store.with(|mut access| {
            let clock = access.get().0;
            let left = when.saturating_sub(nanoseconds(clock.elapsed()));
            wait(clock, Duration::from_nanos(left))
        });
        waiting.await;
        Ok(())
    }

    async fn wait_for(store: &Accessor<T, Self>, duration: clocks::types::Duration) -> Result<()> {
        let waiting = store.with(|mut access| wait(access.get().0, Duration::from_nanos(duration)));
        waiting.await;
        Ok(())
    }
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
    fn get_insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok((getrandom::u64()?, getrandom::u64()?))
    }
}

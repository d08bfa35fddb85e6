//! The interfaces of WASI 0.3: clocks, randomness, HTTP and requests to other hosts, under the same
//! grants and limits as those of WASI 0.2. Linked only where the operator has enabled them.

use crate::ambient::{Clock, Random, coarse, http_view, nanoseconds, random_bytes, wait};
use crate::fetch;
use crate::{GrantSet, StoreData, ambient};
use alga_bundle::Capability;
use std::time::{Duration, SystemTime};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasData, HasSelf, Linker};
use wasmtime_wasi::p3::bindings::{clocks, random};
use wasmtime_wasi_http::p3::bindings::http::{client, types};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView, WasiHttpView};

const fn interface(name: &'static str, promise: &'static str) -> Capability {
    Capability {
        version: (0, 3, 0),
        ..ambient::interface(name, promise)
    }
}

/// The interfaces, and the one that [`fetch`] grants. Their names among the numbers of calls follow
/// in the same order.
pub(crate) const INTERFACES: [Capability; 8] = [
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
    Capability {
        name: fetch::CAPABILITY.name,
        interface: "wasi:http/client",
        version: (0, 3, 0),
        ..fetch::CAPABILITY
    },
];
const KEYS: [&str; 8] = [
    "wasi:clocks/types@0.3",
    "wasi:clocks/monotonic-clock@0.3",
    "wasi:clocks/system-clock@0.3",
    "wasi:random/random@0.3",
    "wasi:random/insecure@0.3",
    "wasi:random/insecure-seed@0.3",
    "wasi:http/types@0.3",
    "wasi:http/client@0.3",
];

/// Returns the name of an interface of WASI 0.3 among the numbers of calls.
pub(crate) fn key(capability: &Capability) -> Option<&'static str> {
    let is_it = |other: &Capability| other.interface == capability.interface && other.version == capability.version;
    let place = INTERFACES.iter().position(is_it)?;
    KEYS.get(place).copied()
}

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
    Client,
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (ambient, table) = self.asynchronous(Place::Http);
        http_view(ambient, table)
    }
}

/// Links the interfaces, and requests to other hosts if they are granted.
pub(crate) fn link(linker: &mut Linker<StoreData>, grants: GrantSet) -> Result<()> {
    clocks::types::add_to_linker::<StoreData, HasClocks>(linker, |data| clock(data, Place::ClockTypes))?;
    clocks::monotonic_clock::add_to_linker::<StoreData, HasClocks>(linker, |data| clock(data, Place::MonotonicClock))?;
    clocks::system_clock::add_to_linker::<StoreData, HasClocks>(linker, |data| clock(data, Place::SystemClock))?;
    random::random::add_to_linker::<StoreData, HasSelf<Random>>(linker, |data| {
        data.asynchronous(Place::Random).0.random()
    })?;
    random::insecure::add_to_linker::<StoreData, HasSelf<Random>>(linker, |data| {
        data.asynchronous(Place::Insecure).0.random()
    })?;
    random::insecure_seed::add_to_linker::<StoreData, HasSelf<Random>>(linker, |data| {
        data.asynchronous(Place::InsecureSeed).0.random()
    })?;
    types::add_to_linker::<StoreData, WasiHttp>(linker, WasiHttpView::http)?;
    if grants.holds_name(fetch::CAPABILITY.name) {
        client::add_to_linker::<StoreData, WasiHttp>(linker, |data| {
            data.asynchronous(Place::Client);
            fetch::http_view(data)
        })?;
    }
    Ok(())
}

struct HasClocks;

impl HasData for HasClocks {
    type Data<'a> = ClocksView<'a>;
}

/// The clocks of one execution.
struct ClocksView<'a>(&'a Clock);

fn clock(data: &mut StoreData, place: Place) -> ClocksView<'_> {
    ClocksView(data.asynchronous(place).0.clock())
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

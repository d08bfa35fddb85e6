//! The machine of a run. Beside its processor, the time of a read from memory shows how fast it is:
//! on a shared machine, it varies by an order of magnitude, and with it all that has much state.

use std::hint::black_box;
use std::time::Instant;

/// Bytes of a cache line, which a read loads.
const LINE: usize = 64;
/// Reads of a measurement.
const READS: usize = 200_000;

/// Returns the processor, the number of cores, the load, and the time of reads of memory.
pub(crate) fn machine() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "))
        .unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{model}, {cores} cores, load {}, a read from 4 MiB in {:.0} ns, from 64 MiB in {:.0} ns",
        load.split(' ').next().unwrap_or_default(),
        read_ns(4 << 20),
        read_ns(64 << 20)
    )
}

/// Returns the nanoseconds of a read whose place depends on the read before, in no order.
fn read_ns(bytes: usize) -> f64 {
    let lines = bytes / LINE;
    let mut order: Vec<usize> = (0..lines).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let mut next = vec![0_usize; bytes / size_of::<usize>()];
    let words = LINE / size_of::<usize>();
    for (place, line) in order.iter().enumerate() {
        next[line * words] = order[(place + 1) % lines] * words;
    }
    let (mut place, started) = (0, Instant::now());
    for _ in 0..READS {
        place = next[place];
    }
    black_box(place);
    started.elapsed().as_secs_f64() * 1e9 / READS as f64
}

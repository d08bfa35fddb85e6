//! Every choice that decides what machine code means. The compiler's process and the runner's process both start from
//! [`shared_config`]; a difference between them would make wasmtime refuse the code.

use wasmtime::component::Component;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::PoolSettings;
use alga_limits::{
    CORE_INSTANCES_PER_COMPONENT, INSTANCE_RECORD_BYTES, MEMORIES_PER_COMPONENT, MEMORIES_PER_MODULE,
    TABLES_PER_COMPONENT, TABLES_PER_MODULE,
};
use std::num::NonZeroUsize;

/// Raised by hand when [`shared_config`] changes, so that machine code of before is not looked at any more.
pub const CACHE_FORMAT_VERSION: u32 = 1;

/// Name and version of what produces machine code, part of every cache key.
pub const ENGINE_VERSION: &str = "wasmtime 48.0.8";

/// Bytes of stack a guest may use. Deep recursion ends in a trap long before the fiber's own stack ends.
pub const GUEST_STACK_BYTES: usize = 512 * 1024;
/// Bytes of a fiber's stack: the guest's part and at least 1 MiB for host functions that it calls.
const FIBER_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of a fiber's stack that are wiped and kept: what a usual request touches.
const STACK_KEPT_BYTES: usize = 32 * 1024;
/// Frames in a guest's backtrace: enough to find the place, too few to be worth flooding the log with.
const BACKTRACE_FRAMES: usize = 16;

/// Memories that are reserved for each place in the pool.
const MEMORIES_PER_PLACE: u32 = 2;
/// Tables that are reserved for each place in the pool.
const TABLES_PER_PLACE: u32 = 4;
/// What compiler and runner share. Threads, garbage collection, exceptions and 64-bit memories are not even compiled in.
#[must_use]
pub fn shared_config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // Off: each of these widens what a guest can do to the host, and no toolchain that we support needs it.
    config.wasm_memory64(false);
    config.wasm_relaxed_simd(false);
    config.wasm_stack_switching(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.shared_memory(false);
    config.concurrency_support(false);
    // Interruption: every loop and function checks the time that the ticker advances.
    config.epoch_interruption(true);
    config.max_wasm_stack(GUEST_STACK_BYTES);
    config.memory_may_move(false);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

/// How many places of the pool one execution of a component takes. A component whose needs cannot be told takes as many as any may.
#[must_use]
pub fn places_taken(component: &Component) -> u32 {
    let (memories, tables) = match component.resources_required() {
        Some(needs) => (needs.num_memories, needs.num_tables),
        None => (MEMORIES_PER_COMPONENT, TABLES_PER_COMPONENT),
    };
    memories
        .div_ceil(MEMORIES_PER_PLACE)
        .max(tables.div_ceil(TABLES_PER_PLACE))
        .max(1)
}

/// What only the process that runs guests adds.
#[must_use]
pub(crate) fn runner_config(pool: Option<&PoolSettings>) -> Config {
    let mut config = shared_config();
    config.async_stack_size(FIBER_STACK_BYTES);
    // A fiber's stack is handed to the next guest: nothing of the last one may be on it.
    config.async_stack_zeroing(true);
    let strategy = match pool {
        Some(pool) => InstanceAllocationStrategy::Pooling(pooling(pool)),
        None => InstanceAllocationStrategy::OnDemand,
    };
    config.allocation_strategy(strategy);
    config
}

fn pooling(pool: &PoolSettings) -> PoolingAllocationConfig {
    let mut pooling = PoolingAllocationConfig::new();
    let components = pool.components;
    // Core instances are counted, not reserved. Memories and tables are reserved: a component that has more of them than a place has takes
    // several places (see `places_taken`), so places that are not taken always have theirs.
    pooling.total_component_instances(components);
    pooling.total_core_instances(components.saturating_mul(CORE_INSTANCES_PER_COMPONENT));
    pooling.total_memories(components.saturating_mul(MEMORIES_PER_PLACE));
    pooling.total_tables(components.saturating_mul(TABLES_PER_PLACE));
    pooling.total_stacks(components);
    pooling.max_memory_size(pool.ceilings.memory_bytes());
    pooling.table_elements(pool.ceilings.table_elements);
    pooling.max_memories_per_module(MEMORIES_PER_MODULE);
    pooling.max_tables_per_module(TABLES_PER_MODULE);
    pooling.max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT);
    pooling.max_memories_per_component(MEMORIES_PER_COMPONENT);
    pooling.max_tables_per_component(TABLES_PER_COMPONENT);
    pooling.max_component_instance_size(INSTANCE_RECORD_BYTES);
    pooling.max_core_instance_size(INSTANCE_RECORD_BYTES);
    // Known in 48.0.8: a dirty page that was swapped out may be skipped, and the next guest reads it.
    pooling.pagemap_scan(Enabled::No);
    pooling.decommit_batch_size(1);
    pooling.linear_memory_keep_resident(pool.keep_resident_bytes);
    pooling.table_keep_resident(pool.keep_resident_bytes);
    pooling.async_stack_keep_resident(STACK_KEPT_BYTES.min(pool.keep_resident_bytes));
    pooling
}

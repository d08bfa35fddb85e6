//! Settings that determine machine code. The compiler's process and the runner's process both start
//! from [`shared_config`]; a difference between them would make wasmtime refuse the code.

use wasmtime::component::Component;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, ProfilingStrategy};

use alga_limits::{
    ASYNC_HANDLES, CORE_INSTANCES_PER_COMPONENT, Ceilings, INSTANCE_RECORD_BYTES, MEMORIES_PER_COMPONENT,
    MEMORIES_PER_MODULE, Requirements, TABLES_PER_COMPONENT, TABLES_PER_MODULE,
};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Size of a process's pool of instances, and what its machine code counts.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Maximum number of concurrent components. Each reserves 4 GiB of address space (not of
    /// memory) for each of its memories.
    pub components: u32,
    /// Bytes of each memory and table that are zeroed and stay resident after a request, instead of
    /// being returned to the system.
    ///
    /// A guest of the SDK has 64 KiB of stack, its data and a small heap. Zeroing that costs a few
    /// microseconds; returning it and faulting it in again costs several times as much, and stalls
    /// the other processors. Everything beyond is returned. The resident bytes are zeroed before
    /// the slot is free; `no_byte_of_a_guest_reaches_the_next_one` tests for leftovers.
    pub resident_bytes: usize,
    /// Limits on the largest memory and the largest table of a guest.
    pub ceilings: Ceilings,
    /// Options of the machine code that runs.
    pub code: CodeOptions,
    /// True if the addresses of guests' functions are written into [`perf_map`].
    pub maps_functions: bool,
}

/// Options that change machine code; compiler and runner have the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodeOptions {
    /// True if machine code counts fuel: the instructions that a guest executes.
    pub counts_fuel: bool,
    /// True if components of WASI 0.3 run. Their tasks and streams cost all components some state.
    pub runs_wasi_0_3: bool,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            components: 256,
            resident_bytes: 512 * 1024,
            ceilings: Ceilings::default(),
            code: CodeOptions::default(),
            maps_functions: false,
        }
    }
}

/// Returns the file in which `perf` looks for the functions of this process's generated code
/// (`jit-interface.txt` of Linux). The engine opens it at its start.
#[must_use]
pub fn perf_map() -> PathBuf {
    PathBuf::from(format!("/tmp/perf-{}.map", std::process::id()))
}

/// Version of the cache format. Increment it when [`shared_config`] changes, so that earlier cache
/// records are rejected.
pub const CACHE_FORMAT_VERSION: u32 = 2;

/// Name and version of the engine that produces machine code, part of every cache record's MAC.
pub const ENGINE_VERSION: &str = "wasmtime 48.0.8";

/// Bytes of stack that a guest may use. Deep recursion traps long before the fiber's own stack
/// ends.
pub const GUEST_STACK_BYTES: usize = 512 * 1024;
/// Bytes of a fiber's stack: the guest's share and at least 1 MiB for the host functions that it
/// calls.
const FIBER_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of a fiber's stack that are zeroed and stay resident: as much as a usual request touches.
const STACK_RESIDENT_BYTES: usize = 32 * 1024;
/// Frames of a guest's stack that a trap or a sample of a profile has.
const BACKTRACE_FRAMES: usize = 64;

/// Memories reserved for each slot of the pool.
const MEMORIES_PER_SLOT: u32 = 2;
/// Tables reserved for each slot of the pool.
const TABLES_PER_SLOT: u32 = 4;
/// Configuration that compiler and runner share. Threads, garbage collection and exceptions are not
/// even compiled in.
#[must_use]
pub fn shared_config(code: CodeOptions) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // Off: each of these widens the attack surface of the host, and no supported toolchain needs
    // it.
    config.wasm_memory64(false);
    config.wasm_relaxed_simd(false);
    config.wasm_stack_switching(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.shared_memory(false);
    // Only the part of the proposal that WASI 0.3 needs: functions with callbacks, streams and
    // futures.
    config.concurrency_support(code.runs_wasi_0_3);
    config.wasm_component_model_async(code.runs_wasi_0_3);
    // Interruption: every loop and function checks the epoch that the ticker advances.
    config.epoch_interruption(true);
    // A limit that does not depend on the machine, for operators who prefer it to speed.
    config.consume_fuel(code.counts_fuel);
    config.max_wasm_stack(GUEST_STACK_BYTES);
    config.memory_may_move(false);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

/// Number of pool slots that one execution of a component occupies. wasmtime does not know the
/// memories and tables of a component that imports a core module: then these counts are used.
#[must_use]
pub fn slots_used(component: &Component, counted: &Requirements) -> u32 {
    let most = |count: u64, limit: u32| u32::try_from(count).map_or(limit, |count| count.min(limit));
    let (memories, tables) = match component.resources_required() {
        Some(needs) => (needs.num_memories, needs.num_tables),
        None => (
            most(counted.memories, MEMORIES_PER_COMPONENT),
            most(counted.tables, TABLES_PER_COMPONENT),
        ),
    };
    memories
        .div_ceil(MEMORIES_PER_SLOT)
        .max(tables.div_ceil(TABLES_PER_SLOT))
        .max(1)
}

/// The shared configuration with the settings of the process that runs guests.
#[must_use]
pub(crate) fn runner_config(pool: &PoolSettings, is_pooled: bool) -> Config {
    let mut config = shared_config(pool.code);
    if pool.maps_functions {
        config.profiler(ProfilingStrategy::PerfMap);
    }
    config.async_stack_size(FIBER_STACK_BYTES);
    // A fiber's stack is reused by the next guest: no data of the previous guest may be on it.
    config.async_stack_zeroing(true);
    let strategy = match is_pooled {
        true => InstanceAllocationStrategy::Pooling(pooling(pool)),
        false => InstanceAllocationStrategy::OnDemand,
    };
    config.allocation_strategy(strategy);
    config
}

fn pooling(pool: &PoolSettings) -> PoolingAllocationConfig {
    let mut pooling = PoolingAllocationConfig::new();
    let components = pool.components;
    // Core instances are counted, not reserved. Memories and tables are reserved: a component with
    // more of them than a slot has occupies several slots (see `slots_used`), so a free slot
    // always has its share.
    pooling.total_component_instances(components);
    pooling.total_core_instances(components.saturating_mul(CORE_INSTANCES_PER_COMPONENT));
    pooling.total_memories(components.saturating_mul(MEMORIES_PER_SLOT));
    pooling.total_tables(components.saturating_mul(TABLES_PER_SLOT));
    // A guest of WASI 0.3 may have a stack for each task. Unused stacks are only addresses.
    let stacks = if pool.code.runs_wasi_0_3 { ASYNC_HANDLES } else { 1 };
    pooling.total_stacks(components.saturating_mul(stacks));
    pooling.max_memory_size(pool.ceilings.memory_bytes());
    pooling.table_elements(pool.ceilings.table_elements);
    pooling.max_memories_per_module(MEMORIES_PER_MODULE);
    pooling.max_tables_per_module(TABLES_PER_MODULE);
    pooling.max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT);
    pooling.max_memories_per_component(MEMORIES_PER_COMPONENT);
    pooling.max_tables_per_component(TABLES_PER_COMPONENT);
    pooling.max_component_instance_size(INSTANCE_RECORD_BYTES);
    pooling.max_core_instance_size(INSTANCE_RECORD_BYTES);
    // Bug in 48.0.8: a dirty page that was swapped out, or that the kernel moves, may be skipped,
    // and the next guest reads it.
    pooling.pagemap_scan(Enabled::No);
    pooling.decommit_batch_size(1);
    // A slot that was last used by the same component needs no new mapping of its memory, which
    // costs as much as several requests. With fewer such slots than components that are active in
    // turn, each request would need one.
    pooling.max_unused_warm_slots(components);
    pooling.linear_memory_keep_resident(pool.resident_bytes);
    pooling.table_keep_resident(pool.resident_bytes);
    pooling.async_stack_keep_resident(STACK_RESIDENT_BYTES.min(pool.resident_bytes));
    pooling
}

//! The state of a runner at a scrape: what executes, what waits, and what is free.

use crate::ExecuteService;
use alga_metrics::{Families, Source};
use std::fmt;

impl Source for ExecuteService {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        let executing = self.in_progress.len();
        families.gauge(
            "alga_executions_in_progress",
            "Executions that have not ended",
            executing,
        )?;
        let [waiting, loading] = self.admission.waiting();
        families.gauge("alga_executions_waiting", "Executions that wait to start", waiting)?;
        let help = "Executions whose component is being loaded";
        families.gauge("alga_executions_loading", help, loading)?;
        let [places, free] = self.admission.places();
        families.gauge("alga_pool_places", "Executions that can be in the pool", places)?;
        families.gauge("alga_pool_places_free", "Places of the pool that are free", free)?;
        let [slots, used] = self.slots.used();
        families.gauge(
            "alga_run_slots",
            "Extensions that can compute at the same moment",
            slots,
        )?;
        families.gauge("alga_run_slots_in_use", "Extensions that compute", used)?;
        self.write_engine(families)
    }
}

impl ExecuteService {
    fn write_engine(&self, families: &mut Families<'_>) -> fmt::Result {
        let loads = self.loader().loads().map(|(level, count)| ([("level", level)], count));
        let help = "Components that were not in memory, by where their machine code came from";
        families.counters("alga_component_loads", help, loads)?;
        let components = self.loader().components();
        families.gauge("alga_components", "Components in memory", components)?;
        let Some(pool) = self.dependencies.engine.wasmtime().pooling_allocator_metrics() else {
            return Ok(());
        };
        families.gauge(
            "alga_pool_instances",
            "Components that are instantiated",
            pool.component_instances(),
        )?;
        let help = "Memory of free places that the pool retains for the next execution";
        families.gauge("alga_pool_resident_bytes", help, pool.unused_memory_bytes_resident())
    }
}

use crate::GuestLimit;
use alga_limits::{CORE_INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT, TABLES_PER_COMPONENT};
use wasmtime::{Error, ResourceLimiter, Result};

/// Bytes counted per table element.
const TABLE_ELEMENT_BYTES: usize = 8;

/// One budget for all memories and tables of a store. wasmtime's own `StoreLimits` limits each
/// memory separately, so that two memories would have twice the budget.
#[derive(Debug)]
pub struct StoreLimiter {
    limit_bytes: usize,
    used_bytes: usize,
    refused: Option<GuestLimit>,
}

impl StoreLimiter {
    /// Creates a limiter with a budget in bytes.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            used_bytes: 0,
            refused: None,
        }
    }

    /// Peak usage in bytes. Memories of a store never shrink, so it equals the current usage.
    #[must_use]
    pub fn peak_bytes(&self) -> usize {
        self.used_bytes
    }

    /// The limit of memory or tables beyond which the guest asked for more, if it did. The trap
    /// that follows looks like any other.
    #[must_use]
    pub fn refused(&self) -> Option<GuestLimit> {
        self.refused
    }

    fn grow(&mut self, current_bytes: usize, desired_bytes: usize, limit: GuestLimit) -> bool {
        let more = desired_bytes.saturating_sub(current_bytes);
        let wanted = self.used_bytes.saturating_add(more);
        if wanted > self.limit_bytes {
            self.refused = Some(limit);
            return false;
        }
        self.used_bytes = wanted;
        true
    }
}

impl ResourceLimiter for StoreLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = Some(GuestLimit::Memory);
            return Ok(false);
        }
        Ok(self.grow(current, desired, GuestLimit::Memory))
    }

    /// Counts a refusal by the pool or the system, after the budget allowed it, as exhaustion, too.
    fn memory_grow_failed(&mut self, _: Error) -> Result<()> {
        self.refused = Some(GuestLimit::Memory);
        Ok(())
    }

    fn table_grow_failed(&mut self, _: Error) -> Result<()> {
        self.refused = Some(GuestLimit::Tables);
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = Some(GuestLimit::Tables);
            return Ok(false);
        }
        let bytes = |elements: usize| elements.saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired), GuestLimit::Tables))
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        TABLES_PER_COMPONENT as usize
    }
}

/// Store data that contains a limiter.
pub trait Limited: Send {
    /// The limiter of this store.
    fn limiter(&mut self) -> &mut StoreLimiter;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_memories_and_a_table_share_one_budget() {
        let mut limiter = StoreLimiter::new(1000);
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(!limiter.table_growing(0, 26, None).unwrap());
        assert!(limiter.table_growing(0, 25, None).unwrap());
        assert_eq!(limiter.refused(), Some(GuestLimit::Tables));
        assert_eq!(limiter.peak_bytes(), 1000);
    }
}

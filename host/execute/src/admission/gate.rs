//! Decides which waiting execution starts next. A state machine without a clock, a lock, or a
//! runtime.
//!
//! A tenant may hold half as many slots as remain free (dynamic thresholds: Choudhury and Hahne,
//! 1998): a third of all if it is alone, so that tenants that come next find free ones, whatever it
//! does with its own. When a slot is released, it goes to the waiting tenant that holds
//! the fewest, and of several to the one that has waited for its turn for the longest time.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

/// Free slots for each slot of a tenant beyond its first.
const FREE_PER_SLOT: usize = 2;
/// Part of all slots that the first execution of a tenant may need while other tenants have some.
const FIRST_PART: usize = 4;

/// Slots that one execution counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// Of its tenant's.
    pub(super) tenant: usize,
    /// Of the process's.
    pub(super) process: usize,
}

impl Claim {
    #[cfg(test)]
    pub(super) const ONE: Self = Self { tenant: 1, process: 1 };
}

/// The reason for which an execution does not start at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocked {
    /// The tenant has as many slots as it may.
    Tenant,
    /// Other tenants have the rest.
    Process,
}

/// The slots of a process, and the executions that wait for one.
#[derive(Debug)]
pub(super) struct Gate<T> {
    slots: usize,
    tenant_slots: usize,
    free: usize,
    tenants: HashMap<u64, Tenant<T>>,
    /// Tenants with waiting executions, by the slots that they hold, then by their turns.
    waiting: BTreeSet<(usize, u64, u64)>,
    /// Number of turns that were given out.
    turns: u64,
}

#[derive(Debug)]
struct Tenant<T> {
    /// Of the tenant's slots.
    counted: usize,
    /// Of the process's slots.
    held: usize,
    /// Later after each start, so that tenants with as many slots start one after the other.
    turn: u64,
    queue: VecDeque<(Claim, T)>,
}

impl<T> Gate<T> {
    /// Returns the number of slots, and of those that are free.
    pub(super) fn slots(&self) -> [usize; 2] {
        [self.slots, self.free]
    }

    /// Creates a gate with this many slots, of which a tenant has at most `tenant_slots`.
    pub(super) fn new(slots: usize, tenant_slots: usize) -> Self {
        Self {
            slots,
            tenant_slots,
            free: slots,
            tenants: HashMap::new(),
            waiting: BTreeSet::new(),
            turns: 0,
        }
    }

    /// Starts an execution if it is this tenant's turn.
    pub(super) fn try_start(&mut self, id: u64, claim: Claim) -> Result<(), Blocked> {
        let tenant = self.tenants.get(&id);
        if let Some(blocked) = self.blocked(tenant, claim) {
            return Err(blocked);
        }
        // Those that came first, and may start when a slot is released.
        if tenant.is_some_and(|tenant| !tenant.queue.is_empty()) {
            return Err(Blocked::Process);
        }
        self.start(id, claim);
        Ok(())
    }

    /// Lets an execution wait.
    pub(super) fn wait(&mut self, id: u64, claim: Claim, task: T) {
        let turn = self.next_turn();
        let tenant = self.tenants.entry(id).or_insert_with(Tenant::new);
        if tenant.queue.is_empty() {
            tenant.turn = turn;
        }
        tenant.queue.push_back((claim, task));
        self.waiting.insert(tenant.place(id));
    }

    /// Ends an execution, and starts those that wait for its slots.
    pub(super) fn release(&mut self, id: u64, claim: Claim, started: impl FnMut(T)) {
        self.stop(id, claim);
        self.forget(id);
        self.start_waiting(started);
    }

    /// Removes an execution that waits; returns false if it does not wait any more. Starts those
    /// that waited behind it.
    pub(super) fn withdraw(&mut self, id: u64, is_task: impl Fn(&T) -> bool, started: impl FnMut(T)) -> bool {
        let Some(tenant) = self.tenants.get_mut(&id) else {
            return false;
        };
        let Some(position) = tenant.queue.iter().position(|(_, task)| is_task(task)) else {
            return false;
        };
        tenant.queue.remove(position);
        if tenant.queue.is_empty() {
            self.waiting.remove(&tenant.place(id));
        }
        self.forget(id);
        self.start_waiting(started);
        true
    }

    /// Starts waiting executions, those of the tenant with the fewest slots first. One that needs
    /// many slots does not hold back the others of other tenants.
    fn start_waiting(&mut self, mut started: impl FnMut(T)) {
        let mut next = self.waiting.first().copied();
        while let Some(place) = next {
            if self.free == 0 {
                return;
            }
            let task = self.start_first_of(place.2);
            next = if let Some(task) = task {
                started(task);
                self.waiting.first().copied()
            } else {
                self.waiting.range((Excluded(place), Unbounded)).next().copied()
            };
        }
    }

    fn start_first_of(&mut self, id: u64) -> Option<T> {
        let tenant = self.tenants.get(&id)?;
        let (claim, _) = tenant.queue.front()?;
        let claim = *claim;
        if self.blocked(Some(tenant), claim).is_some() {
            return None;
        }
        let (_, task) = self.tenants.get_mut(&id)?.queue.pop_front()?;
        self.start(id, claim);
        Some(task)
    }

    fn blocked(&self, tenant: Option<&Tenant<T>>, claim: Claim) -> Option<Blocked> {
        let (counted, held) = tenant.map_or((0, 0), |tenant| (tenant.counted, tenant.held));
        if counted + claim.tenant > self.tenant_slots {
            return Some(Blocked::Tenant);
        }
        let Some(left) = self.free.checked_sub(claim.process) else {
            return Some(Blocked::Process);
        };
        // Each tenant may have one execution, unless that needs very many slots while other tenants
        // have some.
        let is_small = claim.process <= (self.slots / FIRST_PART).max(1);
        let is_first = held == 0 && (is_small || self.free == self.slots);
        let most = left.div_ceil(FREE_PER_SLOT);
        (!is_first && held + claim.process > most).then_some(Blocked::Process)
    }

    fn start(&mut self, id: u64, claim: Claim) {
        let turn = self.next_turn();
        let tenant = self.tenants.entry(id).or_insert_with(Tenant::new);
        self.waiting.remove(&tenant.place(id));
        tenant.counted += claim.tenant;
        tenant.held += claim.process;
        tenant.turn = turn;
        self.free -= claim.process;
        if !tenant.queue.is_empty() {
            self.waiting.insert(tenant.place(id));
        }
    }

    fn stop(&mut self, id: u64, claim: Claim) {
        let Some(tenant) = self.tenants.get_mut(&id) else {
            return;
        };
        self.waiting.remove(&tenant.place(id));
        tenant.counted -= claim.tenant;
        tenant.held -= claim.process;
        self.free += claim.process;
        if !tenant.queue.is_empty() {
            self.waiting.insert(tenant.place(id));
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Deletes a tenant that neither holds nor waits for a slot.
    fn forget(&mut self, id: u64) {
        if self
            .tenants
            .get(&id)
            .is_some_and(|tenant| tenant.counted == 0 && tenant.queue.is_empty())
        {
            self.tenants.remove(&id);
        }
    }

    /// Returns free slots, and the number of tenants that the gate knows.
    #[cfg(test)]
    pub(super) fn state(&self) -> (usize, usize) {
        (self.free, self.tenants.len())
    }
}

impl<T> Tenant<T> {
    fn new() -> Self {
        Self {
            counted: 0,
            held: 0,
            turn: 0,
            queue: VecDeque::new(),
        }
    }

    /// Returns the place of the tenant among those that wait.
    fn place(&self, id: u64) -> (usize, u64, u64) {
        (self.held, self.turn, id)
    }
}

#[cfg(test)]
mod tests;

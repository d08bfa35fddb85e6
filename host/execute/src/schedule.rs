//! Decides whose guest runs next: start-time fair queueing of run slots between tenants (Goyal, Vin
//! and Cheng, "Start-Time Fair Queueing", 1996). A state machine without a clock, a lock, or a
//! runtime.
//!
//! Every tenant has a virtual time: the processor time that it has used, divided by its weight. A
//! free slot goes to the waiting tenant with the least. A tenant that begins to wait starts at the
//! virtual time of those that run, so that it cannot save up time while it is idle.

use alga_bundle::HIGHEST_WEIGHT;
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Processor time that is charged in advance for a slice, in nanoseconds: a tick of the engine.
/// Otherwise a tenant could get all slots that are given out before its first slice ends.
const SLICE_NS: u64 = 1_000_000;
/// Virtual nanoseconds per nanosecond at weight 1: a slice has a length also at the highest weight.
const SCALE: u128 = HIGHEST_WEIGHT as u128;

/// Slots beside the others, for tasks on threads that the operating system prefers. The process has
/// two of these threads more than other slots, so that one is always left for clients.
const PREFERRED_SLOTS: usize = 1;

/// A tenant, as the schedule knows it: an id that is unique in this process, and its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) tenant: u64,
    /// From 1 to [`HIGHEST_WEIGHT`].
    pub(crate) weight: u32,
}

impl Share {
    /// Returns the virtual time of this processor time. Its 128 bits do not overflow: 64 would,
    /// after some days of a busy host with many processors.
    fn charge(self, used_ns: u64) -> u128 {
        u128::from(used_ns) * SCALE / u128::from(self.weight.clamp(1, HIGHEST_WEIGHT))
    }
}

/// Run slots, and the tasks that wait for one.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    running: usize,
    slots: usize,
    /// Virtual time of the task that was chosen last.
    now: u128,
    tenants: HashMap<u64, Tenant<T>>,
    /// Tenants with waiting tasks, by the virtual times at which they start.
    waiting: BTreeSet<(u128, u64)>,
    /// Tenants without tasks, by their virtual times: they are deleted when these have passed.
    idle: BTreeSet<(u128, u64)>,
}

#[derive(Debug)]
struct Tenant<T> {
    share: Share,
    /// Virtual time of the tenant: what it has used, and slices in progress.
    used: u128,
    running: usize,
    tasks: VecDeque<T>,
}

impl<T> Schedule<T> {
    /// Creates a schedule with this many run slots.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            running: 0,
            slots: slots.max(1),
            now: 0,
            tenants: HashMap::new(),
            waiting: BTreeSet::new(),
            idle: BTreeSet::new(),
        }
    }

    /// Gives a slot to a task and returns true, or lets it wait: then `make` creates it. A task
    /// `is_preferred` if the operating system prefers its thread. It may use one of
    /// [`PREFERRED_SLOTS`] if its tenant would be the next one: it need not wait for a slice of
    /// another tenant, whose thread has to wait meanwhile.
    pub(crate) fn request(&mut self, share: Share, is_preferred: bool, make: impl FnOnce() -> T) -> bool {
        self.wake(share);
        let is_next = self
            .tenants
            .get(&share.tenant)
            .is_some_and(|tenant| tenant.used <= self.now);
        let preferred = if is_preferred && is_next { PREFERRED_SLOTS } else { 0 };
        if self.running < self.slots + preferred {
            self.start(share.tenant);
            return true;
        }
        if let Some(tenant) = self.tenants.get_mut(&share.tenant) {
            if tenant.tasks.is_empty() {
                self.waiting.insert((tenant.used, share.tenant));
            }
            tenant.tasks.push_back(make());
        }
        false
    }

    /// Returns a slot after this much processor time, and returns the task that gets it.
    pub(crate) fn release(&mut self, tenant: u64, used_ns: u64) -> Option<T> {
        self.running -= 1;
        self.end(tenant, used_ns);
        if self.running >= self.slots {
            return None;
        }
        let (_, next) = self.waiting.pop_first()?;
        let task = self.tenants.get_mut(&next)?.tasks.pop_front();
        self.start(next);
        task
    }

    /// Returns a slot of a task that could continue, and lets it wait for the next one. Returns the
    /// task that gets this one: the same, if no other is ahead of it.
    pub(crate) fn give_way(&mut self, tenant: u64, used_ns: u64, task: T) -> Option<T> {
        if let Some(entry) = self.tenants.get_mut(&tenant) {
            entry.tasks.push_back(task);
        }
        self.release(tenant, used_ns)
    }

    /// Removes a task that waits; returns false if it does not wait any more.
    pub(crate) fn withdraw(&mut self, tenant: u64, is_task: impl Fn(&T) -> bool) -> bool {
        let Some(entry) = self.tenants.get_mut(&tenant) else {
            return false;
        };
        let Some(position) = entry.tasks.iter().position(is_task) else {
            return false;
        };
        entry.tasks.remove(position);
        if entry.tasks.is_empty() {
            self.waiting.remove(&(entry.used, tenant));
            self.rest(tenant);
        }
        true
    }

    /// Number of tenants that the schedule knows.
    #[cfg(test)]
    fn known(&self) -> usize {
        self.tenants.len()
    }

    /// Adds a tenant, or sets its weight. One without tasks starts at the time of those that run.
    fn wake(&mut self, share: Share) {
        let now = self.now;
        let tenant = self.tenants.entry(share.tenant).or_insert_with(|| Tenant {
            share,
            used: now,
            running: 0,
            tasks: VecDeque::new(),
        });
        tenant.share = share;
        if tenant.running == 0 && tenant.tasks.is_empty() {
            self.idle.remove(&(tenant.used, share.tenant));
            tenant.used = tenant.used.max(now);
        }
    }

    /// Starts a slice of a tenant, whose next task, if it has one, waits with a later time.
    fn start(&mut self, id: u64) {
        let Some(tenant) = self.tenants.get_mut(&id) else {
            return;
        };
        self.waiting.remove(&(tenant.used, id));
        self.running += 1;
        self.now = self.now.max(tenant.used);
        tenant.running += 1;
        tenant.used += tenant.share.charge(SLICE_NS);
        if !tenant.tasks.is_empty() {
            self.waiting.insert((tenant.used, id));
        }
        self.delete_past();
    }

    /// Ends a slice: corrects what was charged in advance.
    fn end(&mut self, id: u64, used_ns: u64) {
        let Some(tenant) = self.tenants.get_mut(&id) else {
            return;
        };
        tenant.running -= 1;
        self.waiting.remove(&(tenant.used, id));
        let advance = tenant.share.charge(SLICE_NS);
        tenant.used = tenant
            .used
            .saturating_sub(advance)
            .saturating_add(tenant.share.charge(used_ns));
        if !tenant.tasks.is_empty() {
            self.waiting.insert((tenant.used, id));
        }
        self.rest(id);
    }

    /// Retains the time of a tenant that has no tasks, until that time has passed.
    fn rest(&mut self, id: u64) {
        if let Some(tenant) = self.tenants.get(&id)
            && tenant.running == 0
            && tenant.tasks.is_empty()
        {
            self.idle.insert((tenant.used, id));
        }
        self.delete_past();
    }

    /// Deletes tenants without tasks whose time has passed: all of them if no guest runs.
    fn delete_past(&mut self) {
        if self.running == 0 && self.waiting.is_empty() {
            self.now = self.now.max(self.idle.last().map_or(0, |(used, _)| *used));
        }
        while let Some(&(used, id)) = self.idle.first()
            && used <= self.now
        {
            self.idle.pop_first();
            self.tenants.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;

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
/// Processor time by which a tenant may be ahead of those that run and still use such a slot, in
/// nanoseconds; more while guests overstay their slices.
const AHEAD_NS: u64 = 8 * SLICE_NS;

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
    /// Time of the caller's clock at the last call, in nanoseconds.
    at_ns: u64,
    /// The same when a task was chosen last. Virtual time stands still since then, although those
    /// that run use more.
    chosen_at_ns: u64,
    tenants: HashMap<u64, Tenant<T>>,
    /// Tenants with waiting tasks, by the virtual times at which they start.
    waiting: BTreeSet<(u128, u64)>,
    /// Those of them with tasks on preferred threads.
    preferred: BTreeSet<(u128, u64)>,
    /// Tenants without tasks, by their virtual times: they are deleted when these have passed.
    idle: BTreeSet<(u128, u64)>,
}

#[derive(Debug)]
struct Tenant<T> {
    share: Share,
    /// Virtual time of the tenant: what it has used, and slices in progress.
    used: u128,
    /// Part of `used` that was charged in advance, for all slices in progress.
    advance: u128,
    running: usize,
    tasks: VecDeque<T>,
    /// Tasks on preferred threads.
    preferred: VecDeque<T>,
    /// True if the tenant's next slot is for one on another thread: neither kind waits for all of
    /// the other.
    alternates: bool,
}

impl<T> Tenant<T> {
    fn new(share: Share, used: u128) -> Self {
        Self {
            share,
            used,
            advance: 0,
            running: 0,
            tasks: VecDeque::new(),
            preferred: VecDeque::new(),
            alternates: false,
        }
    }

    fn has_tasks(&self) -> bool {
        !(self.tasks.is_empty() && self.preferred.is_empty())
    }

    fn is_idle(&self) -> bool {
        self.running == 0 && !self.has_tasks()
    }

    /// Removes the task that is next for any slot.
    fn next(&mut self) -> Option<T> {
        self.alternates = !self.alternates;
        let [first, second] = match self.alternates {
            true => [&mut self.preferred, &mut self.tasks],
            false => [&mut self.tasks, &mut self.preferred],
        };
        first.pop_front().or_else(|| second.pop_front())
    }

    /// Removes a task that waits; returns false if it does not.
    fn remove(&mut self, is_task: impl Fn(&T) -> bool) -> bool {
        [&mut self.tasks, &mut self.preferred].into_iter().any(|tasks| {
            let position = tasks.iter().position(&is_task);
            position.and_then(|position| tasks.remove(position)).is_some()
        })
    }
}

impl<T> Schedule<T> {
    /// Creates a schedule with this many run slots.
    pub(crate) fn new(slots: usize) -> Self {
        Self {
            running: 0,
            slots: slots.max(1),
            now: 0,
            at_ns: 0,
            chosen_at_ns: 0,
            tenants: HashMap::new(),
            waiting: BTreeSet::new(),
            preferred: BTreeSet::new(),
            idle: BTreeSet::new(),
        }
    }

    /// Returns the number of slots in use.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Gives a slot to a task and returns true, or lets it wait: then `make` creates it. A task
    /// `is_preferred` if the operating system prefers its thread. It may use one of
    /// [`PREFERRED_SLOTS`] unless its tenant is far ahead of the others: it need not wait for a
    /// slice of another tenant, whose thread has to wait meanwhile.
    pub(crate) fn request(&mut self, share: Share, is_preferred: bool, at_ns: u64, make: impl FnOnce() -> T) -> bool {
        let id = share.tenant;
        self.at_ns = at_ns.max(self.at_ns);
        self.wake(share);
        if self.running < self.slots || (is_preferred && self.may_use_preferred(id)) {
            self.start(id, |_| ());
            return true;
        }
        self.change(id, |tenant| match is_preferred {
            true => tenant.preferred.push_back(make()),
            false => tenant.tasks.push_back(make()),
        });
        false
    }

    /// Returns a slot after this much processor time, and returns the task that gets it.
    pub(crate) fn release(&mut self, tenant: u64, used_ns: u64, at_ns: u64) -> Option<T> {
        self.at_ns = at_ns.max(self.at_ns);
        self.running -= 1;
        self.end(tenant, used_ns);
        let next = self.next();
        self.delete_past();
        next
    }

    /// Returns a slot of a task that could continue, and lets it wait for the next one. Returns the
    /// task that gets this one: the same, if no other is ahead of it.
    pub(crate) fn give_way(
        &mut self,
        share: Share,
        used_ns: u64,
        is_preferred: bool,
        at_ns: u64,
        task: T,
    ) -> Option<T> {
        self.change(share.tenant, |tenant| {
            tenant.share = share;
            match is_preferred {
                true => tenant.preferred.push_back(task),
                false => tenant.tasks.push_back(task),
            }
        });
        self.release(share.tenant, used_ns, at_ns)
    }

    /// Removes a task that waits; returns false if it does not wait any more.
    pub(crate) fn withdraw(&mut self, tenant: u64, is_task: impl Fn(&T) -> bool) -> bool {
        let removed = self.change(tenant, |entry| entry.remove(is_task));
        self.rest(tenant);
        self.delete_past();
        removed.unwrap_or(false)
    }

    /// Starts the task that is next, if there is a slot for it: after a slot was returned, also one
    /// beside the others may be free for a task that came before that.
    pub(crate) fn next(&mut self) -> Option<T> {
        if self.running < self.slots {
            let &(_, id) = self.waiting.first()?;
            return self.start(id, Tenant::next)?;
        }
        let &(_, id) = self.preferred.first()?;
        if !self.may_use_preferred(id) {
            return None;
        }
        self.start(id, |tenant| tenant.preferred.pop_front())?
    }

    /// True if a slot for tasks on preferred threads is free, and this tenant may use it.
    fn may_use_preferred(&self, id: u64) -> bool {
        let overstayed = self.at_ns.saturating_sub(self.chosen_at_ns);
        self.running < self.slots + PREFERRED_SLOTS
            && self.tenants.get(&id).is_some_and(|tenant| {
                let ahead = tenant.share.charge(AHEAD_NS.saturating_add(overstayed));
                tenant.used <= self.now.saturating_add(ahead)
            })
    }

    /// Number of tenants that the schedule knows.
    #[cfg(test)]
    fn known(&self) -> usize {
        self.tenants.len()
    }

    /// Adds a tenant, or sets its weight. One without tasks starts at the time of those that run.
    fn wake(&mut self, share: Share) {
        let now = self.now;
        let tenant = self.tenants.entry(share.tenant);
        let tenant = tenant.or_insert_with(|| Tenant::new(share, now));
        tenant.share = share;
        if tenant.is_idle() {
            self.idle.remove(&(tenant.used, share.tenant));
            tenant.used = tenant.used.max(now);
        }
    }

    /// Changes a tenant, and its places among those that wait.
    fn change<R>(&mut self, id: u64, change: impl FnOnce(&mut Tenant<T>) -> R) -> Option<R> {
        let tenant = self.tenants.get_mut(&id)?;
        self.waiting.remove(&(tenant.used, id));
        self.preferred.remove(&(tenant.used, id));
        let changed = change(tenant);
        if tenant.has_tasks() {
            self.waiting.insert((tenant.used, id));
        }
        if !tenant.preferred.is_empty() {
            self.preferred.insert((tenant.used, id));
        }
        Some(changed)
    }

    /// Starts a slice of a tenant, whose next task, if it has one, waits with a later time.
    fn start<R>(&mut self, id: u64, task: impl FnOnce(&mut Tenant<T>) -> R) -> Option<R> {
        // In a slot beside the others, a tenant may be ahead of those that run.
        let is_beside = self.running >= self.slots;
        let mut now = self.now;
        let task = self.change(id, |tenant| {
            let task = task(tenant);
            now = now.max(tenant.used);
            let advance = tenant.share.charge(SLICE_NS);
            tenant.running += 1;
            tenant.used += advance;
            tenant.advance += advance;
            task
        });
        self.running += 1;
        if !is_beside {
            self.now = now;
            self.chosen_at_ns = self.at_ns;
        }
        self.delete_past();
        task
    }

    /// Ends a slice: corrects what was charged in advance, at the weight of that moment.
    fn end(&mut self, id: u64, used_ns: u64) {
        self.change(id, |tenant| {
            let advance = tenant.advance / tenant.running.max(1) as u128;
            tenant.running -= 1;
            tenant.advance -= advance;
            let used = tenant.share.charge(used_ns);
            tenant.used = tenant.used.saturating_sub(advance).saturating_add(used);
        });
        self.rest(id);
    }

    /// Retains the time of a tenant that has no tasks, until that time has passed.
    fn rest(&mut self, id: u64) {
        if let Some(tenant) = self.tenants.get(&id)
            && tenant.is_idle()
        {
            self.idle.insert((tenant.used, id));
        }
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

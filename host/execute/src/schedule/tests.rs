use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MS: u64 = 1_000_000;

/// A model of tenants whose guests always have more to do.
struct Model {
    schedule: Schedule<u64>,
    /// Slices in progress: time at which each ends, tenant, and length.
    running: BTreeSet<(u64, u64, u64)>,
    used: BTreeMap<u64, u64>,
    clock: u64,
    random: u64,
    /// True if half of the slices end because their guests wait for a moment.
    waits: bool,
}

impl Model {
    fn new(slots: usize) -> Self {
        Self {
            schedule: Schedule::new(slots),
            running: BTreeSet::new(),
            used: BTreeMap::new(),
            clock: 0,
            random: 1,
            waits: true,
        }
    }

    fn add(&mut self, share: Share) {
        let is_preferred = self.random.is_multiple_of(2);
        if self.schedule.request(share, is_preferred, self.clock, || share.tenant) {
            self.run(share.tenant);
        }
    }

    /// Runs a slice of up to a tick, and a little more.
    fn run(&mut self, tenant: u64) {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let length = 200_000 + self.random % MS;
        while !self.running.insert((self.clock + length, tenant, length)) {
            self.clock += 1;
        }
    }

    /// Ends the next slice; its tenant wants to continue.
    fn step(&mut self, shares: &[Share]) {
        let (end, tenant, length) = self.running.pop_first().unwrap();
        self.clock = end;
        *self.used.entry(tenant).or_default() += length;
        if !self.waits || length.is_multiple_of(2) {
            let share = shares[usize::try_from(tenant).unwrap()];
            let is_preferred = length.is_multiple_of(4);
            if let Some(next) = self.schedule.give_way(share, length, is_preferred, end, tenant) {
                self.run(next);
            }
        } else {
            if let Some(next) = self.schedule.release(tenant, length, end) {
                self.run(next);
            }
            self.add(shares[usize::try_from(tenant).unwrap()]);
        }
        // Work-conserving: a slot is free only if no task waits.
        assert!(self.schedule.running >= self.schedule.slots || self.schedule.waiting.is_empty());
    }
}

fn shares(weights: &[u32]) -> Vec<Share> {
    let shares = weights.iter().zip(0..);
    shares.map(|(&weight, tenant)| Share { tenant, weight }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn processor_time_is_shared_by_weight(
        slots in 1_usize..5,
        tasks in proptest::collection::vec((prop_oneof![1_u32..5, 1..=HIGHEST_WEIGHT], 6_usize..40), 2..8),
    ) {
        let weights: Vec<u32> = tasks.iter().map(|(weight, _)| *weight).collect();
        let shares = shares(&weights);
        let mut model = Model::new(slots);
        for (share, (_, count)) in shares.iter().zip(&tasks) {
            (0..*count).for_each(|_| model.add(*share));
        }
        while model.clock < 1_000 * MS {
            model.step(&shares);
        }
        let (all, total) = (model.used.values().sum::<u64>() as f64, f64::from(weights.iter().sum::<u32>()));
        for share in &shares {
            let wanted = f64::from(share.weight) / total;
            // A tenant has at most one slot for each task, and more tasks than slots here. A slice
            // is not divided, and some tenants may be ahead.
            let got = *model.used.get(&share.tenant).unwrap_or(&0) as f64 / all;
            let slices = (AHEAD_NS + 2 * MS) as f64 / all;
            prop_assert!((got - wanted).abs() < 0.05 * wanted + slices, "{share:?}: {got} of {wanted}");
        }
    }

    #[test]
    fn a_tenant_with_one_task_waits_for_one_slice_of_each_other_tenant(
        slots in 1_usize..4,
        others in 1_u64..20,
        tasks in 1_usize..70,
    ) {
        let weights = vec![1; usize::try_from(others).unwrap() + 1];
        let shares = shares(&weights);
        let mut model = Model::new(slots);
        for share in &shares[1..] {
            (0..tasks).for_each(|_| model.add(*share));
        }
        (0..500).for_each(|_| model.step(&shares));
        let asked = model.clock;
        model.add(shares[0]);
        while !model.running.iter().any(|(_, tenant, _)| *tenant == 0) {
            model.step(&shares);
        }
        let slices = (model.clock - asked) as f64 / (1.2 * MS as f64);
        prop_assert!(slices <= others as f64 + 1.0, "{slices} slices, {others} others");
    }

    #[test]
    fn no_order_of_requests_loses_a_task_or_a_slot(
        actions in proptest::collection::vec((0_u8..4, 0_u64..6, 0_u64..3 * MS), 0..400),
    ) {
        let mut schedule: Schedule<u64> = Schedule::new(3);
        let (mut running, mut waiting, mut number) = (Vec::new(), Vec::new(), 0);
        for (action, tenant, used) in actions {
            match action {
                0 => {
                    number += 1;
                    let share = Share { tenant, weight: u32::try_from(tenant).unwrap() + 1 };
                    let is_started = schedule.request(share, number % 3 == 0, 0, || number);
                    if is_started { &mut running } else { &mut waiting }.push((tenant, number));
                }
                1 | 3 if !running.is_empty() => {
                    let (tenant, task) = running.remove(usize::try_from(used).unwrap() % running.len());
                    let next = if action == 1 {
                        schedule.release(tenant, used, 0)
                    } else {
                        waiting.push((tenant, task));
                        let share = Share { tenant, weight: u32::try_from(used % 9).unwrap() };
                        schedule.give_way(share, used, task % 3 == 0, 0, task)
                    };
                    if let Some(next) = next {
                        let at = waiting.iter().position(|(_, task)| *task == next).unwrap();
                        running.push(waiting.remove(at));
                    }
                }
                2 if !waiting.is_empty() => {
                    let (tenant, task) = waiting.remove(usize::try_from(used).unwrap() % waiting.len());
                    prop_assert!(schedule.withdraw(tenant, |other| *other == task));
                }
                _ => prop_assert!(!schedule.withdraw(tenant, |task| *task == 0)),
            }
            prop_assert!(running.len() <= 3 + PREFERRED_SLOTS && (waiting.is_empty() || running.len() >= 3));
        }
        while let Some((tenant, _)) = running.pop() {
            if let Some(next) = schedule.release(tenant, MS, 0) {
                let at = waiting.iter().position(|(_, task)| *task == next).unwrap();
                running.push(waiting.remove(at));
            }
        }
        prop_assert!(waiting.is_empty());
        prop_assert_eq!((schedule.running, schedule.known()), (0, 0));
    }
}

#[test]
fn one_task_beside_sixty_four_has_half_of_two_slots_from_its_first_slice_on() {
    let shares = shares(&[1, 1]);
    let mut model = Model::new(2);
    model.waits = false;
    (0..64).for_each(|_| model.add(shares[1]));
    (0..500).for_each(|_| model.step(&shares));
    let asked = model.clock;
    model.add(shares[0]);
    while !model.running.iter().any(|(_, tenant, _)| *tenant == 0) {
        model.step(&shares);
    }
    assert!(model.clock - asked < 2 * MS, "it waited for {} ns", model.clock - asked);
    model.used.clear();
    let began = model.clock;
    while model.clock < began + 1_000 * MS {
        model.step(&shares);
    }
    let [one, many] = [0, 1].map(|tenant| model.used[&tenant] as f64);
    assert!((one / (one + many) - 0.5).abs() < 0.025, "{one} beside {many}");
}

#[test]
fn idle_time_is_not_saved_up() {
    let shares = shares(&[1, 1]);
    let mut model = Model::new(1);
    (0..4).for_each(|_| model.add(shares[1]));
    while model.clock < 1_000 * MS {
        model.step(&shares);
    }
    (0..4).for_each(|_| model.add(shares[0]));
    let before = model.used[&1];
    while model.clock < 2_000 * MS {
        model.step(&shares);
    }
    let (late, early) = (model.used[&0] as f64, (model.used[&1] - before) as f64);
    assert!((late / early - 1.0).abs() < 0.05, "{late} {early}");
}

#[test]
fn a_tenant_that_is_next_waits_for_no_slice_on_a_preferred_thread() {
    let [loops, other] = [0, 1].map(|tenant| Share { tenant, weight: 1 });
    let mut schedule: Schedule<u64> = Schedule::new(1);
    assert!(schedule.request(loops, false, 0, || 0));
    assert!(!schedule.request(loops, false, 0, || 1));
    assert!(schedule.request(other, true, 0, || 2));
    // One that waits for this slot gets it, although the slice beside it does not end.
    for task in 3..10 {
        assert!(!schedule.request(other, true, 0, || task));
        assert_eq!(schedule.release(1, MS / 10, 0), Some(task));
    }
    // The slot beside the others is no slot of the others.
    assert_eq!(schedule.release(1, MS, 0), None);
    assert_eq!(schedule.release(0, MS, 0), Some(1));
}

#[test]
fn a_tenant_that_is_far_ahead_waits_for_its_share_on_a_preferred_thread_too() {
    let [loops, other] = [0, 1].map(|tenant| Share { tenant, weight: 1 });
    let mut schedule: Schedule<u64> = Schedule::new(1);
    assert!(schedule.request(loops, false, 0, || 0));
    let mut used = 0;
    while schedule.request(other, true, 0, || 1) {
        assert_eq!(schedule.release(1, MS, 0), None);
        used += MS;
    }
    assert_eq!(used, AHEAD_NS + MS);
    // The other slice lasts longer: by as much it may be ahead.
    assert!(schedule.request(other, true, MS, || 3));
    assert_eq!(schedule.release(1, MS, MS), None);
    assert!(!schedule.request(other, true, MS, || 4));
    assert!(!schedule.request(loops, false, MS, || 2));
    assert_eq!(schedule.release(0, MS, MS), Some(2), "it has used less");
}

#[test]
fn a_weight_that_changes_within_a_slice_is_right_after_it() {
    let [changing, other] = [0, 1].map(|tenant| Share { tenant, weight: 1 });
    let mut schedule: Schedule<u64> = Schedule::new(1);
    assert!(schedule.request(changing, false, 0, || 0));
    let heavy = Share {
        weight: HIGHEST_WEIGHT,
        ..changing
    };
    assert!(!schedule.request(other, false, 0, || 1));
    assert_eq!(schedule.give_way(heavy, MS, false, 0, 0), Some(1));
    // What was charged in advance at the old weight is not left: it has used next to nothing.
    assert_eq!(schedule.give_way(other, MS, false, 0, 1), Some(0));
    for _ in 0..HIGHEST_WEIGHT - 2 {
        assert_eq!(schedule.give_way(heavy, MS, false, 0, 0), Some(0));
    }
    let [mut of_changing, mut of_other] = [0, 0];
    for _ in 0..2 {
        while schedule.give_way(heavy, MS, false, 0, 0) == Some(0) {
            of_changing += 1;
        }
        of_other += 1;
        assert_eq!(schedule.give_way(other, MS, false, 0, 1), Some(0));
    }
    assert!((990..=2_010).contains(&of_changing) && of_other == 2, "{of_changing}");
}

#[test]
fn a_million_tenants_that_were_seen_once_are_deleted() {
    let mut schedule: Schedule<u64> = Schedule::new(2);
    for tenant in 0..1_000_000 {
        let share = Share { tenant, weight: 1 };
        assert!(schedule.request(share, false, 0, || tenant));
        assert!(schedule.release(tenant, MS, 0).is_none());
    }
    assert_eq!(schedule.known(), 0);
}

#[test]
fn virtual_time_does_not_overflow_on_a_host_that_is_never_idle() {
    let mut schedule: Schedule<u64> = Schedule::new(2);
    let [busy, other] = [0, 1].map(|tenant| Share { tenant, weight: 1 });
    assert!(schedule.request(other, false, 0, || 1));
    for _ in 0..100 {
        assert!(schedule.request(busy, false, 0, || 0));
        assert!(schedule.release(0, u64::MAX, 0).is_none());
    }
    // The other tenant has used less, so it goes first.
    assert!(schedule.request(busy, false, 0, || 0));
    assert!(!schedule.request(busy, false, 0, || 10) && !schedule.request(other, false, 0, || 11));
    assert_eq!(schedule.release(1, MS, 0), Some(11));
}

#[test]
fn weights_outside_of_their_range_are_the_nearest_within_it() {
    for (weight, nearest) in [(0, 1), (1_000_000, HIGHEST_WEIGHT)] {
        let share = |weight| Share { tenant: 0, weight };
        assert_eq!(share(weight).charge(MS), share(nearest).charge(MS));
    }
    assert!(
        Share {
            tenant: 0,
            weight: HIGHEST_WEIGHT
        }
        .charge(SLICE_NS)
            > 0
    );
}

use super::*;
use proptest::prelude::*;

fn claim(slots: usize) -> Claim {
    Claim {
        tenant: slots,
        process: slots,
    }
}

/// Starts as many executions of a tenant as the gate lets it.
fn fill(gate: &mut Gate<u64>, tenant: u64) -> usize {
    let started = std::iter::repeat_with(|| gate.try_start(tenant, Claim::ONE));
    started.take_while(Result::is_ok).count()
}

#[test]
fn tenants_that_use_all_they_get_leave_slots_for_the_next_ones() {
    let mut gate = Gate::new(256, 256);
    let held: Vec<usize> = (0..16).map(|tenant| fill(&mut gate, tenant)).collect();
    assert_eq!(held[0], 85, "a third of all");
    assert!(
        held.is_sorted_by(|first, second| first >= second) && held[7] >= 5,
        "{held:?}"
    );
    // Each further tenant finds its first one until all are held.
    let more = (16..).take_while(|tenant| gate.try_start(*tenant, Claim::ONE).is_ok());
    assert_eq!(more.count(), 256 - held.iter().sum::<usize>());
    assert_eq!(gate.try_start(1_000, Claim::ONE), Err(Blocked::Process));
}

#[test]
fn a_released_slot_goes_to_the_waiting_tenant_that_holds_the_fewest() {
    let mut gate = Gate::new(16, 16);
    let held = fill(&mut gate, 0);
    (1..=16 - held as u64).for_each(|tenant| assert!(gate.try_start(tenant, Claim::ONE).is_ok()));
    for tenant in [0, 0, 0, 100, 101] {
        assert!(gate.try_start(tenant, Claim::ONE).is_err());
        gate.wait(tenant, Claim::ONE, tenant);
    }
    let mut started = Vec::new();
    for tenant in 1..=3 {
        gate.release(tenant, Claim::ONE, |task| started.push(task));
    }
    // The first tenant holds as many as it may.
    assert_eq!(started, [100, 101]);
    assert_eq!(gate.state().0, 1);
}

#[test]
fn tenants_that_hold_as_many_slots_get_released_ones_in_turn() {
    let mut gate = Gate::new(4, 4);
    for tenant in 0..4 {
        assert!(gate.try_start(tenant, Claim::ONE).is_ok());
        gate.wait(tenant, Claim::ONE, tenant);
    }
    gate.wait(50, Claim::ONE, 50);
    // The others return a slot only when they wait for the next one.
    let mut started = Vec::new();
    for tenant in 0..4 {
        gate.release(tenant, Claim::ONE, |task| started.push(task));
        gate.wait(tenant, Claim::ONE, tenant);
    }
    assert_eq!(started, [0, 1, 2, 3]);
    gate.release(0, Claim::ONE, |task| started.push(task));
    assert_eq!(started.last(), Some(&50));
}

#[test]
fn an_execution_of_many_slots_runs_when_it_is_alone_and_delays_no_other_tenant() {
    let mut gate = Gate::new(8, 8);
    assert!(gate.try_start(0, claim(8)).is_ok());
    gate.release(0, claim(8), |_: u64| {});
    assert!(gate.try_start(1, Claim::ONE).is_ok());
    assert_eq!(gate.try_start(0, claim(8)), Err(Blocked::Process));
    gate.wait(0, claim(8), 7);
    assert!(gate.try_start(2, Claim::ONE).is_ok());
    let mut started = Vec::new();
    gate.release(1, Claim::ONE, |task| started.push(task));
    assert!(started.is_empty());
    gate.release(2, Claim::ONE, |task| started.push(task));
    assert_eq!(started, [7]);
}

proptest! {
    #[test]
    fn no_order_of_requests_loses_an_execution_or_a_slot(
        actions in proptest::collection::vec((0_u8..3, 0_u64..5, 1_usize..4, 0_usize..100), 0..400),
    ) {
        let mut gate: Gate<usize> = Gate::new(20, 6);
        let (mut running, mut waiting) = (Vec::new(), Vec::new());
        for (number, (action, tenant, slots, choice)) in actions.into_iter().enumerate() {
            let mut started = Vec::new();
            match action {
                0 => match gate.try_start(tenant, claim(slots)) {
                    Ok(()) => running.push((tenant, slots)),
                    Err(_) => {
                        gate.wait(tenant, claim(slots), number);
                        waiting.push((tenant, slots, number));
                    }
                },
                1 if !running.is_empty() => {
                    let (tenant, slots) = running.remove(choice % running.len());
                    gate.release(tenant, claim(slots), |task| started.push(task));
                }
                2 if !waiting.is_empty() => {
                    let (tenant, _, task) = waiting.remove(choice % waiting.len());
                    prop_assert!(gate.withdraw(tenant, |other| *other == task, |task| started.push(task)));
                }
                _ => {}
            }
            for task in started {
                let at = waiting.iter().position(|(.., number)| *number == task).unwrap();
                let (tenant, slots, _) = waiting.remove(at);
                running.push((tenant, slots));
            }
            let held: usize = running.iter().map(|(_, slots)| slots).sum();
            prop_assert_eq!(gate.state().0, 20 - held);
            for tenant in 0..5 {
                let own = running.iter().filter(|(of, _)| *of == tenant);
                prop_assert!(own.map(|(_, slots)| slots).sum::<usize>() <= 6);
            }
        }
        while let Some((tenant, slots)) = running.pop() {
            gate.release(tenant, claim(slots), |task| {
                let at = waiting.iter().position(|(.., number)| *number == task).unwrap();
                let (tenant, slots, _) = waiting.remove(at);
                running.push((tenant, slots));
            });
        }
        prop_assert!(waiting.is_empty());
        prop_assert_eq!(gate.state(), (20, 0));
    }

    #[test]
    fn tenants_that_were_seen_once_leave_nothing(tenants in proptest::collection::vec(any::<u64>(), 1..200)) {
        let mut gate: Gate<u64> = Gate::new(4, 2);
        for tenant in tenants {
            prop_assert!(gate.try_start(tenant, Claim::ONE).is_ok());
            gate.release(tenant, Claim::ONE, |_| {});
            prop_assert_eq!(gate.state(), (4, 0));
        }
    }
}

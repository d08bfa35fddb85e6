use super::*;
use alga_bundle::Period;
use alga_capabilities::{GrantSet, Identity, Trigger};
use credit::{Credit, Decision};
use futures_util::future::join_all;
use proptest::prelude::*;
use std::future::pending;
use std::sync::atomic::AtomicUsize;
use tokio::task::yield_now;

mod sending;
mod waiting;

/// Counts credit as the database does.
#[derive(Default)]
struct Counter {
    leased: Mutex<std::collections::BTreeMap<QuotaWindow, i64>>,
    asked: AtomicUsize,
    /// True while the database does not respond.
    stalls: std::sync::atomic::AtomicBool,
}

impl Counter {
    fn leased(&self) -> i64 {
        self.leased.lock().unwrap().values().sum()
    }

    fn settle(&self, quotas: &Quotas) -> Vec<QuotaSettlement> {
        let settlements: Vec<_> = quotas.drain(true).into_values().flatten().collect();
        for settlement in &settlements {
            *self
                .leased
                .lock()
                .unwrap()
                .entry(settlement.window.clone())
                .or_default() += settlement.leased;
        }
        settlements
    }
}

impl QuotaStore for Counter {
    fn lease<'a>(&'a self, _: &'a TenantId, window: &'a QuotaWindow, hard: i64, wanted: i64) -> LeaseFuture<'a> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.stalls.load(Ordering::SeqCst) {
                pending::<()>().await;
            }
            yield_now().await;
            let mut leased = self.leased.lock().unwrap();
            let leased = leased.entry(window.clone()).or_default();
            let granted = wanted.min((hard - *leased).max(0));
            *leased += granted;
            Ok(QuotaLease {
                granted,
                total: *leased,
            })
        })
    }
}

fn limit(meter: Meter, hard: i64) -> Quota {
    Quota {
        tenant: "acme".parse().unwrap(),
        install: None,
        meter,
        // Of the periods, the least likely to end during a test.
        period: Period::Month,
        hard: Some(hard),
        soft: None,
    }
}

fn permit(time: Duration) -> Permit {
    Permit {
        identity: Identity {
            request: "r-1".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            extension: "e".parse().unwrap(),
            install: "i".parse().unwrap(),
            version: None,
        },
        trigger: Trigger::Http,
        config: Arc::default(),
        user: None,
        grants: GrantSet::default(),
        egress: Arc::default(),
        memory_bytes: 64 * 1024 * 1024,
        deadline: Instant::now() + time,
    }
}

fn quotas(store: &Arc<Counter>, limits: Vec<Quota>, fails_open: bool) -> (Arc<Quotas>, Subjects) {
    let quotas = Quotas::new(Arc::clone(store) as Arc<dyn QuotaStore>, fails_open);
    quotas.apply(limits);
    let subjects = quotas.subjects(&"acme".parse().unwrap(), &"i".parse().unwrap());
    (quotas, subjects)
}

const MINUTE: Duration = Duration::from_secs(60);

fn used(cpu_us: u64) -> Usage {
    Usage {
        cpu_us,
        ..Usage::default()
    }
}

#[tokio::test]
async fn of_1000_executions_at_a_limit_of_100_exactly_100_start_in_two_runners() {
    let store = Arc::<Counter>::default();
    let limits = vec![limit(Meter::Requests, 100)];
    let runners = [(); 2].map(|()| quotas(&store, limits.clone(), false));
    let permit = permit(MINUTE);
    let starting = (0..1_000).map(async |number: usize| {
        let (quotas, subjects) = &runners[number % 2];
        let held = quotas.hold(subjects, &permit).await;
        held.map(|held| held.settle(&used(0))).map_err(|problem| problem.code())
    });
    let started = join_all(starting).await;
    assert_eq!(started.iter().filter(|started| started.is_ok()).count(), 100);
    assert!(
        started
            .iter()
            .flat_map(|started| started.as_ref().err())
            .all(|code| *code == Code::QuotaExceeded)
    );
    let asked = store.asked.load(Ordering::SeqCst);
    assert!(asked < 20, "refused executions do not ask the database each: {asked}");
}

#[tokio::test]
async fn the_last_execution_of_a_period_exceeds_a_limit_once_and_others_wait_for_it() {
    let store = Arc::<Counter>::default();
    let second = 1_000_000;
    let (quotas, subjects) = quotas(&store, vec![limit(Meter::CpuUs, 2 * second)], false);
    let short = permit(Duration::from_millis(1_500));
    let first = quotas.hold(&subjects, &short).await.unwrap();
    // Less is left than a second one may use, but the first returns what it does not use.
    let mut waiting = Box::pin(quotas.hold(&subjects, &short));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    for _ in 0..10 {
        yield_now().await;
    }
    first.settle(&used(600_000));
    waiting.await.unwrap().settle(&used(700_000));
    // The rest is less than an execution may use: one of them starts.
    let last = quotas.hold(&subjects, &short).await.unwrap();
    last.settle(&used(1_400_000));
    let refused = quotas.hold(&subjects, &short).await.err().unwrap();
    assert_eq!(refused.code(), Code::QuotaExceeded);
    assert!(
        refused.message().contains("`cpu_us` of this tenant"),
        "{}",
        refused.message()
    );
    store.settle(&quotas);
    assert_eq!(
        store.leased(),
        2_700_000,
        "what was used beyond the limit is counted, too"
    );
}

#[tokio::test]
async fn credit_runs_on_while_the_database_does_not_respond_and_then_fails_as_set() {
    for fails_open in [false, true] {
        let store = Arc::<Counter>::default();
        let (quotas, subjects) = quotas(&store, vec![limit(Meter::Requests, 5_000)], fails_open);
        let permit = permit(MINUTE);
        let start = async || {
            let held = quotas.hold(&subjects, &permit).await;
            held.map(|held| held.settle(&used(0))).map_err(|problem| problem.code())
        };
        start().await.unwrap();
        store.stalls.store(true, Ordering::SeqCst);
        for _ in 1..5 {
            start().await.unwrap();
        }
        assert_eq!(
            store.asked.load(Ordering::SeqCst),
            1,
            "a thousandth of the limit was leased"
        );
        let expected = if fails_open {
            Ok(())
        } else {
            Err(Code::QuotaUnavailable)
        };
        assert_eq!(start().await, expected);
        store.stalls.store(false, Ordering::SeqCst);
        let owed = store.settle(&quotas);
        let leased = if fails_open { 10 } else { 5 };
        assert_eq!(store.leased(), leased, "{owed:?}");
    }
}

#[tokio::test]
async fn an_execution_that_leaves_while_it_waits_loses_no_credit() {
    let store = Arc::<Counter>::default();
    let (quotas, subjects) = quotas(&store, vec![limit(Meter::Requests, 3)], false);
    let permit = permit(MINUTE);
    for _ in 0..20 {
        let mut leaving = Box::pin(quotas.hold(&subjects, &permit));
        assert!(futures_util::poll!(&mut leaving).is_pending() || store.leased() > 0);
        drop(leaving);
        yield_now().await;
    }
    for _ in 0..3 {
        quotas.hold(&subjects, &permit).await.unwrap().settle(&used(0));
    }
    assert!(quotas.hold(&subjects, &permit).await.is_err());
}

#[tokio::test]
async fn credit_that_nothing_uses_is_returned_and_usage_is_added_up_by_install() {
    let store = Arc::<Counter>::default();
    let (quotas, subjects) = quotas(&store, vec![limit(Meter::Requests, 100_000)], false);
    let permit = permit(MINUTE);
    for cpu_us in [5, 7] {
        quotas.hold(&subjects, &permit).await.unwrap().settle(&used(cpu_us));
    }
    // One that was not admitted uses nothing.
    drop(quotas.hold(&subjects, &permit).await.unwrap());
    let settled = store.settle(&quotas);
    assert_eq!(store.leased(), 100);
    let of = |meter| {
        settled
            .iter()
            .filter(|one| one.window.meter == meter)
            .map(|one| one.used)
            .sum::<i64>()
    };
    assert_eq!((of(Meter::Requests), of(Meter::CpuUs)), (2, 12));
    assert!(
        settled
            .iter()
            .all(|one| one.window.install.is_some() && one.window.period == Period::Day)
    );
    store.settle(&quotas);
    assert_eq!(store.leased(), 2);
    assert!(store.settle(&quotas).is_empty());
}

#[tokio::test]
async fn what_cannot_be_written_is_written_later() {
    let store = Arc::<Counter>::default();
    let (quotas, subjects) = quotas(&store, Vec::new(), false);
    // However long that lasts, there is one row for each meter.
    for _ in 0..100 {
        quotas.hold(&subjects, &permit(MINUTE)).await.unwrap().settle(&used(3));
        for (tenant, settlements) in quotas.drain(true) {
            quotas.restore(&tenant, settlements);
        }
    }
    let settled = store.settle(&quotas);
    let cpu = settled.iter().filter(|one| one.window.meter == Meter::CpuUs);
    assert_eq!(cpu.map(|one| one.used).sum::<i64>(), 300);
    assert!(
        settled.len() <= 2 * Meter::OF_EXECUTIONS.len(),
        "a day may have ended: {settled:?}"
    );
}

#[tokio::test]
async fn changed_and_removed_quotas_are_effective_for_the_next_execution() {
    let store = Arc::<Counter>::default();
    let (quotas, subjects) = quotas(&store, vec![limit(Meter::Requests, 0)], false);
    let permit = permit(MINUTE);
    let start = async || {
        quotas
            .hold(&subjects, &permit)
            .await
            .map(|held| held.settle(&used(0)))
            .is_ok()
    };
    assert!(!start().await);
    quotas.apply(vec![limit(Meter::Requests, 2)]);
    assert!(start().await && start().await && !start().await);
    let removed = Quota {
        hard: None,
        ..limit(Meter::Requests, 0)
    };
    quotas.apply(vec![removed]);
    assert!(start().await && start().await);
    assert!(quotas.limits.read().unwrap().is_empty());
}

#[test]
fn a_limit_that_is_reached_asks_for_credit_more_and_more_rarely() {
    let mut credit = Credit::new(&limit(Meter::Requests, 1), 0);
    let none = QuotaLease { granted: 0, total: 1 };
    let mut now = 0;
    let pauses = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000].map(|pause| {
        credit.add(0, 1, none, now);
        now += pause;
        (credit.needs_more(1, now - 1), credit.needs_more(1, now))
    });
    assert_eq!(pauses, [(false, true); 7]);
    // A higher limit is effective at once.
    credit.add(0, 1, none, now);
    credit.change(&limit(Meter::Requests, 2));
    assert!(credit.needs_more(1, now));
}

#[tokio::test]
async fn tenants_that_are_seen_once_are_written_early_and_leave_nothing() {
    let store = Arc::<Counter>::default();
    let quotas = Quotas::new(Arc::clone(&store) as Arc<dyn QuotaStore>, false);
    let (permit, install) = (permit(MINUTE), "i".parse().unwrap());
    for number in 0..DIRTY {
        assert!(futures_util::poll!(std::pin::pin!(quotas.full())).is_pending());
        let subjects = quotas.subjects(&format!("t-{number}").parse().unwrap(), &install);
        quotas.hold(&subjects, &permit).await.unwrap().settle(&used(1));
    }
    quotas.full().await;
    assert_eq!(quotas.drain(true).len(), DIRTY);
    assert!(quotas.dirty().is_empty());
}

#[test]
fn a_period_that_begins_returns_the_credit_of_the_last_one() {
    let minute = |number: i64| number * 60_000;
    let mut credit = Credit::new(
        &Quota {
            period: Period::Minute,
            ..limit(Meter::Requests, 10)
        },
        minute(1),
    );
    let lease = QuotaLease { granted: 5, total: 5 };
    credit.add(minute(1), 5, lease, minute(1));
    let Decision::Acquired(hold) = credit.acquire(2, minute(1), true) else {
        panic!("there is credit")
    };
    // The clock of the host jumps, forwards and back.
    for (now, returned) in [(minute(9), Some(-3)), (minute(1), None), (minute(2), None)] {
        let settlement = credit.advance(now);
        assert_eq!(settlement.map(|settlement| settlement.leased), returned);
        assert_eq!(credit.acquire(1, now, true), Decision::Lease);
    }
    // The execution ends: what it did not use belongs to the period in which it began.
    let settlement = credit.release(hold, 1).0.unwrap();
    assert_eq!((settlement.window.starts_at_ms, settlement.leased), (minute(1), -1));
    let late = credit.add(minute(1), 5, lease, minute(2)).0.unwrap();
    assert_eq!((late.window.starts_at_ms, late.leased), (minute(1), -5));
}

#[test]
fn a_soft_quota_warns_once_in_a_period() {
    let mut credit = Credit::new(
        &Quota {
            soft: Some(3),
            hard: None,
            ..limit(Meter::Requests, 0)
        },
        0,
    );
    // Leased credit is not used yet.
    let lease = QuotaLease { granted: 64, total: 64 };
    assert!(!credit.add(0, 64, lease, 0).1);
    let warned = [1, 1, 2, 1].map(|used| {
        let Decision::Acquired(hold) = credit.acquire(5, 0, true) else {
            panic!("there is credit")
        };
        credit.release(hold, used).1
    });
    assert_eq!(warned, [false, false, true, false]);
}

/// Leases credit of 10, of which an execution holds 4.
fn with_hold(quota: &Quota) -> (Credit, credit::Hold) {
    let mut credit = Credit::new(quota, 0);
    let lease = QuotaLease { granted: 10, total: 10 };
    credit.add(0, 10, lease, 0);
    let Decision::Acquired(hold) = credit.acquire(4, 0, true) else {
        panic!("there is credit")
    };
    (credit, hold)
}

#[test]
fn a_lower_limit_returns_free_credit_at_once_and_a_higher_one_does_not() {
    let (mut credit, _hold) = with_hold(&limit(Meter::CpuUs, 10));
    assert!(credit.change(&limit(Meter::CpuUs, 20)).is_none());
    let returned = credit.change(&limit(Meter::CpuUs, 0)).unwrap();
    assert_eq!(returned.leased, -6);
    assert_eq!(credit.acquire(1, 0, true), Decision::Lease);
}

#[test]
fn what_an_execution_holds_of_a_former_credit_is_no_credit_of_a_new_one() {
    let quota = limit(Meter::CpuUs, 10);
    let (mut former, hold) = with_hold(&quota);
    assert_eq!(former.settle_all().unwrap().leased, -6);
    let mut new = Credit::new(&quota, 0);
    let settlement = new.release(hold, 1).0.unwrap();
    assert_eq!((settlement.window.starts_at_ms, settlement.leased), (0, -3));
    assert!(new.is_settled() && new.acquire(1, 0, false) == Decision::Exceeded);
}

#[test]
fn credit_that_is_not_needed_soon_is_returned_although_some_is_used() {
    let (mut credit, hold) = with_hold(&limit(Meter::CpuUs, 10));
    credit.release(hold, 1);
    assert_eq!(credit.balance().unwrap().leased, -8, "as much as was used is retained");
    assert_eq!(credit.balance().unwrap().leased, -1);
    assert!(credit.balance().is_none());
}

#[test]
fn a_clock_that_is_set_back_does_not_prolong_a_pause() {
    let hour = 60 * 60 * 1_000;
    let mut credit = Credit::new(&limit(Meter::Requests, 1), hour);
    let none = QuotaLease { granted: 0, total: 1 };
    let start = credit.missing(1, 1, false).window.starts_at_ms;
    credit.add(start, 1, none, hour);
    assert!(!credit.needs_more(1, hour));
    assert!(credit.needs_more(1, hour / 2));
}

proptest! {
    #[test]
    fn executions_that_use_no_more_than_they_may_never_exceed_a_limit(
        actions in proptest::collection::vec((0_u8..4, 1_i64..50, 0_usize..20), 0..200),
        hard in 0_i64..500,
    ) {
        let mut credit = Credit::new(&limit(Meter::CpuUs, hard), 0);
        let (mut leased, mut spent, mut running) = (0_i64, 0_i64, Vec::new());
        for (now, (action, amount, choice)) in (0_i64..).zip(actions) {
            match action {
                0 | 1 => match credit.acquire(amount, now * 600, true) {
                    Decision::Acquired(hold) => running.push((hold, amount)),
                    Decision::Lease => {
                        let wanted = credit.wanted(amount, 1);
                        let granted = wanted.min(hard - leased).max(0);
                        leased += granted;
                        credit.add(0, wanted, QuotaLease { granted, total: leased }, now * 600);
                    }
                    Decision::Later => prop_assert!(!running.is_empty()),
                    Decision::Exceeded => prop_assert!(running.is_empty()),
                },
                2 if !running.is_empty() => {
                    let (hold, most) = running.remove(choice % running.len());
                    let used = most * i64::try_from(choice).unwrap() / 20;
                    prop_assert!(credit.release(hold, used).0.is_none());
                    spent += used;
                }
                _ => {
                    if let Some(settlement) = credit.balance() {
                        leased += settlement.leased;
                    }
                }
            }
            prop_assert!(spent <= hard + 50, "over by one execution at most: {} of {}", spent, hard);
        }
    }
}

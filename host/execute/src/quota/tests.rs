use super::*;
use alga_bundle::Period;
use alga_capabilities::{GrantSet, Identity, Trigger};
use credit::{Credit, Decision};
use futures_util::future::join_all;
use proptest::prelude::*;
use std::future::pending;
use std::sync::atomic::AtomicUsize;
use tokio::task::yield_now;

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
        let settlements: Vec<_> = quotas.drain().into_values().flatten().collect();
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
        for (tenant, settlements) in quotas.drain() {
            quotas.restore(&tenant, settlements);
        }
    }
    let settled = store.settle(&quotas);
    let cpu = settled.iter().filter(|one| one.window.meter == Meter::CpuUs);
    assert_eq!(cpu.map(|one| one.used).sum::<i64>(), 300);
    assert!(
        settled.len() <= 2 * Meter::ALL.len(),
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
    let Decision::Acquired(hold) = credit.acquire(2, minute(1)) else {
        panic!("there is credit")
    };
    // The clock of the host jumps, forwards and back.
    for (now, returned) in [(minute(9), Some(-3)), (minute(1), None), (minute(2), None)] {
        let settlement = credit.advance(now);
        assert_eq!(settlement.map(|settlement| settlement.leased), returned);
        assert_eq!(credit.acquire(1, now), Decision::Lease);
    }
    // The execution ends: what it did not use belongs to the period in which it began.
    let settlement = credit.release(hold, 1).unwrap();
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
    let totals = [2, 4, 9].map(|total| {
        let lease = QuotaLease { granted: 2, total };
        credit.add(0, 2, lease, 0).1
    });
    assert_eq!(totals, [false, true, false]);
    assert!(matches!(credit.acquire(1, 0), Decision::Acquired(_)));
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
                0 | 1 => match credit.acquire(amount, now * 600) {
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
                    prop_assert!(credit.release(hold, used).is_none());
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

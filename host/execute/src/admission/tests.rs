use super::*;

const AT_ONCE: AdmissionLimits = AdmissionLimits {
    process: 16,
    tenant: 2,
    install: 1,
    queue: 8,
    longest_wait: Duration::ZERO,
};

fn admission(limits: AdmissionLimits) -> Admission {
    Admission::new(limits, Weights::new([].into()))
}

fn counters(admission: &Admission, tenant: &str, install: &str) -> Counters {
    admission.counters(&tenant.parse().unwrap(), &install.parse().unwrap())
}

/// Slots of a small component and of little memory.
const ONE: (u32, u32) = (1, 1);

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn admit(admission: &Admission, tenant: &str, install: &str) -> Result<Admitted, Code> {
    let admitted = admission
        .admit(&counters(admission, tenant, install), ONE, later())
        .await;
    admitted.map_err(|problem| problem.code())
}

#[tokio::test]
async fn admission_limits_apply_per_install_per_tenant_and_per_process() {
    let admission = admission(AdmissionLimits { process: 3, ..AT_ONCE });
    let first = admit(&admission, "a", "a1").await.unwrap();
    assert_eq!(admit(&admission, "a", "a1").await.err(), Some(Code::RateLimited));
    let _second = admit(&admission, "b", "b1").await.unwrap();
    let _third = admit(&admission, "c", "c1").await.unwrap();
    assert_eq!(admit(&admission, "d", "d1").await.err(), Some(Code::Overloaded));
    drop(first);
    let _first = admit(&admission, "a", "a1").await.unwrap();
    let wide = self::admission(AT_ONCE);
    let _two = [
        admit(&wide, "a", "a1").await.unwrap(),
        admit(&wide, "a", "a2").await.unwrap(),
    ];
    assert_eq!(admit(&wide, "a", "a3").await.err(), Some(Code::RateLimited));
    assert!(admit(&wide, "b", "b1").await.is_ok());
}

#[tokio::test]
async fn an_execution_waits_until_one_of_its_install_ends() {
    let admission = admission(AdmissionLimits {
        longest_wait: Duration::from_secs(60),
        ..AT_ONCE
    });
    let counters = counters(&admission, "a", "a1");
    let first = admission.admit(&counters, ONE, later()).await.unwrap();
    assert_eq!(first.waited, Duration::ZERO);
    let mut second = Box::pin(admission.admit(&counters, ONE, later()));
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(first);
    assert!(second.await.unwrap().waited > Duration::ZERO);
}

#[tokio::test]
async fn one_that_leaves_the_queue_occupies_no_slot() {
    let admission = admission(AdmissionLimits {
        process: 1,
        longest_wait: Duration::from_secs(60),
        ..AT_ONCE
    });
    let [a, b, c] = ["a", "b", "c"].map(|name| counters(&admission, name, name));
    let first = admission.admit(&a, ONE, later()).await.unwrap();
    let mut leaving = Box::pin(admission.admit(&b, ONE, later()));
    let mut waiting = Box::pin(admission.admit(&c, ONE, later()));
    assert!(futures_util::poll!(&mut leaving).is_pending() && futures_util::poll!(&mut waiting).is_pending());
    // The slot is given to the one that leaves before it is polled again.
    drop(first);
    drop(leaving);
    assert!(waiting.await.is_ok());
    assert_eq!(admission.entrance.gate().state(), (1, 0));
    assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_only_its_own_tenant() {
    let admission = admission(AdmissionLimits {
        queue: 1,
        longest_wait: Duration::from_secs(60),
        ..AT_ONCE
    });
    let counters = counters(&admission, "a", "a1");
    let _first = admission.admit(&counters, ONE, later()).await.unwrap();
    let mut second = Box::pin(admission.admit(&counters, ONE, later()));
    assert!(futures_util::poll!(&mut second).is_pending());
    let refused = admission.admit(&counters, ONE, later()).await.err().unwrap();
    assert_eq!(refused.code(), Code::RateLimited);
    assert!(refused.message().contains("wait for capacity"));
    assert!(admit(&admission, "b", "b1").await.is_ok());
}

#[tokio::test]
async fn an_execution_waits_for_half_of_its_time_at_most() {
    let admission = admission(AdmissionLimits {
        longest_wait: Duration::from_secs(60),
        ..AT_ONCE
    });
    let now = Instant::now();
    for (left, wait) in [(10, 5), (200, 60), (0, 0)] {
        let longest = admission.longest_wait(now, now + Duration::from_secs(left));
        assert_eq!(longest, Duration::from_secs(wait));
    }
    let counters = counters(&admission, "a", "a1");
    let _first = admission.admit(&counters, ONE, later()).await.unwrap();
    let deadline = Instant::now() + Duration::from_millis(10);
    let refused = admission.admit(&counters, ONE, deadline).await.err().unwrap();
    assert_eq!(refused.code(), Code::RateLimited);
}

#[tokio::test]
async fn a_heavy_component_acquires_several_slots_and_returns_them_all() {
    let admission = admission(AdmissionLimits {
        process: 40,
        tenant: 8,
        install: 4,
        ..AT_ONCE
    });
    let counters = counters(&admission, "a", "a1");
    let admit_of = async |component, memory| {
        let admitted = admission.admit(&counters, (component, memory), later()).await;
        admitted.map_err(|problem| problem.code())
    };
    let heavy = admit_of(4, 1).await.unwrap();
    assert_eq!(admit(&admission, "a", "a1").await.err(), Some(Code::RateLimited));
    drop(heavy);
    assert_eq!(admit_of(5, 1).await.err(), Some(Code::BundleRejected));
    assert!(admit_of(4, 1).await.is_ok());
    // Memory counts in full in the process, and never prevents an install from running.
    let large = admit_of(1, 40).await.unwrap();
    assert_eq!(admit(&admission, "b", "b1").await.err(), Some(Code::Overloaded));
    drop(large);
    assert_eq!(admission.entrance.gate().state(), (40, 0));
}

#[tokio::test]
async fn a_heavy_component_waits_for_all_slots_that_it_needs_and_holds_none_meanwhile() {
    let admission = admission(AdmissionLimits {
        process: 8,
        tenant: 8,
        install: 8,
        longest_wait: Duration::from_secs(60),
        ..AT_ONCE
    });
    let [a, b] = ["a", "b"].map(|name| counters(&admission, name, name));
    let other = admission.admit(&b, ONE, later()).await.unwrap();
    let mut heavy = Box::pin(admission.admit(&a, (8, 1), later()));
    assert!(futures_util::poll!(&mut heavy).is_pending());
    assert_eq!(admission.entrance.gate().state().0, 7, "it holds none while it waits");
    drop(other);
    let admitted = heavy.await.unwrap();
    assert!(admitted.waited > Duration::ZERO);
    assert_eq!(admission.entrance.gate().state().0, 0);
}

#[tokio::test]
async fn executions_beyond_the_queue_of_the_process_are_refused_at_once() {
    let admission = admission(AdmissionLimits {
        queue: LONGEST_QUEUE + 1,
        longest_wait: Duration::from_secs(60),
        ..AT_ONCE
    });
    let counters = counters(&admission, "a", "a1");
    let _first = admission.admit(&counters, ONE, later()).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..LONGEST_QUEUE {
        let mut next = Box::pin(admission.admit(&counters, ONE, later()));
        assert!(futures_util::poll!(&mut next).is_pending());
        waiting.push(next);
    }
    let refused = admission.admit(&counters, ONE, later()).await.err().unwrap();
    assert_eq!(refused.code(), Code::Overloaded);
    drop(waiting);
    assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn executions_whose_components_are_loaded_are_counted_and_hold_no_slot() {
    let admission = admission(AT_ONCE);
    let counters = counters(&admission, "a", "a1");
    let most = AT_ONCE.tenant + AT_ONCE.queue;
    let mut loading: Vec<_> = (0..most).map(|_| admission.loading(&counters).unwrap()).collect();
    let refused = admission.loading(&counters).err().unwrap();
    assert!(refused.code() == Code::RateLimited && refused.retry_after().is_some());
    assert!(admit(&admission, "a", "a1").await.is_ok(), "it is loaded");
    loading.pop();
    assert!(admission.loading(&counters).is_ok());
}

#[test]
fn a_refused_client_waits_as_long_as_the_last_execution_of_its_tenant_did() {
    for (waited_ms, seconds) in [(0, 1), (2_500, 3), (3_600_000, 30)] {
        let queue = Queue::default();
        queue.record(Duration::from_millis(waited_ms));
        assert_eq!(Full::Tenant.refusal(&queue).retry_after(), Some(seconds));
    }
}

#[test]
fn an_install_that_overstays_is_known_after_its_token_ends() {
    let admission = admission(AT_ONCE);
    let overstays = |install| counters(&admission, "acme", install).pace.overstays();
    let pace = &counters(&admission, "acme", "i-1").pace;
    (0..10).for_each(|_| pace.polled_for(Duration::from_millis(5)));
    assert!(overstays("i-1") && !overstays("i-2"));
}

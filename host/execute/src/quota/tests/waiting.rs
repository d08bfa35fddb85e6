//! Executions that wait for credit that others hold.

use super::*;

#[tokio::test]
async fn so_many_executions_wait_for_credit_of_others_and_no_more() {
    let store = Arc::<Counter>::default();
    let (quotas, subjects) = quotas(&store, vec![limit(Meter::CpuUs, 1)], false);
    let permit = permit(MINUTE);
    let _first = quotas.hold(&subjects, &permit).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..256 {
        let mut next = Box::pin(quotas.hold(&subjects, &permit));
        assert!(futures_util::poll!(&mut next).is_pending());
        waiting.push(next);
    }
    let refused = quotas.hold(&subjects, &permit).await.err().unwrap();
    assert_eq!((refused.code(), refused.retry_after()), (Code::QuotaExceeded, Some(1)));
    drop(waiting);
    let mut next = Box::pin(quotas.hold(&subjects, &permit));
    assert!(futures_util::poll!(&mut next).is_pending());
}

#[tokio::test]
async fn an_execution_waits_two_seconds_for_credit_of_others_and_at_most_half_of_its_time() {
    let store = Arc::<Counter>::default();
    let (quotas, subjects) = quotas(&store, vec![limit(Meter::CpuUs, 1)], false);
    let _first = quotas.hold(&subjects, &permit(MINUTE)).await.unwrap();
    let wait = async |time| {
        let began = Instant::now();
        let refused = quotas.hold(&subjects, &permit(time)).await.err().unwrap();
        assert_eq!(refused.code(), Code::QuotaExceeded);
        began.elapsed()
    };
    let (longest, half) = tokio::join!(wait(MINUTE), wait(Duration::from_millis(600)));
    assert!(longest >= LONGEST_WAIT && longest < MINUTE / 2, "{longest:?}");
    assert!(half >= Duration::from_millis(295) && half < longest, "{half:?}");
}

#[tokio::test]
async fn executions_wait_for_each_other_while_the_database_does_not_respond() {
    let store = Arc::<Counter>::default();
    let (quotas, subjects) = quotas(&store, vec![limit(Meter::CpuUs, 1_000_000)], false);
    let short = permit(Duration::from_millis(800));
    let first = quotas.hold(&subjects, &short).await.unwrap();
    store.stalls.store(true, Ordering::SeqCst);
    let long = permit(MINUTE);
    let ended = async {
        yield_now().await;
        first.settle(&used(10));
    };
    // The database is asked for a second; then what the first has returned suffices.
    let (held, ()) = tokio::join!(quotas.hold(&subjects, &long), ended);
    assert!(held.is_ok());
}

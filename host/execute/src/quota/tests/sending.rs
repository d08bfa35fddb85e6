//! Credit for bytes that are sent to other hosts.

use super::*;

#[tokio::test]
async fn executions_that_can_send_nothing_hold_no_credit_for_it() {
    let store = Arc::<Counter>::default();
    let limit = Quota {
        tenant: "acme".parse().unwrap(),
        install: None,
        meter: Meter::EgressBytes,
        period: Period::Month,
        hard: Some(10),
        soft: None,
    };
    let (quotas, subjects) = quotas(&store, vec![limit], false);
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(quotas.hold(&subjects, &permit(MINUTE)).await.unwrap());
    }
    let fetch = "cap:http.fetch".parse().unwrap();
    let sending = Permit {
        grants: GrantSet::from_names([&fetch]).unwrap(),
        ..permit(MINUTE)
    };
    let first = quotas.hold(&subjects, &sending).await.unwrap();
    first.settle(&Usage {
        egress_bytes: 10,
        ..Usage::default()
    });
    let refused = quotas.hold(&subjects, &sending).await.err().unwrap();
    assert_eq!(refused.code(), Code::QuotaExceeded);
    held.push(quotas.hold(&subjects, &permit(MINUTE)).await.unwrap());
}

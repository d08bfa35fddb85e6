//! Records are linearizable per key: the test records what many concurrent clients observed and
//! searches for an order in which all observations are possible.

use alga_harness::{TestPlatform, rounds};
use alga_store::{RecordError, RecordLimits, RecordWrite, Records};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CLIENTS: u64 = 8;
const LIMITS: RecordLimits = RecordLimits {
    namespaces: 32,
    keys: 5_120,
    namespace_bytes: 1 << 28,
};

#[derive(Debug, Clone)]
enum Saw {
    /// A read, with the revision and the number that was written with it.
    Read(Option<(u64, u64)>),
    /// A write of this number that became this revision; the revision that it expected, if any.
    Wrote {
        number: u64,
        revision: u64,
        expected: Option<u64>,
    },
    Deleted,
    Conflict(u64),
}

#[derive(Debug, Clone)]
struct Operation {
    began: u64,
    ended: u64,
    saw: Saw,
}

/// Returns the revision that an operation proves to have existed when it ended.
fn proved(saw: &Saw) -> Option<u64> {
    match saw {
        Saw::Read(Some((revision, _))) => Some(*revision),
        Saw::Wrote { revision, .. } => Some(*revision),
        Saw::Conflict(revision) if *revision > 0 => Some(*revision),
        _ => None,
    }
}

async fn client(records: Records, clock: Arc<AtomicU64>, number: u64, rounds: u64) -> Vec<Operation> {
    let (tenant, install) = ("acme".parse().unwrap(), "i-1".parse().unwrap());
    let (mut seen, mut random, mut history) = (0_u64, number * 2_654_435_761 + 1, Vec::new());
    for round in 0..rounds {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let value = number * 1_000_000 + round;
        let expected = match random >> 60 {
            0..=5 => Some(seen),
            6..=8 => None,
            _ => Some(u64::MAX),
        };
        let began = clock.fetch_add(1, Ordering::SeqCst);
        let saw = match random >> 61 {
            0 => match records.delete(&tenant, &install, "n", "k", None).await {
                Ok(_) => Saw::Deleted,
                Err(error) => panic!("{error}"),
            },
            1..=4 if expected != Some(u64::MAX) => {
                let write = RecordWrite {
                    key: "k".into(),
                    value: value.to_string().into_bytes(),
                    metadata: Vec::new(),
                    if_revision: expected,
                    ttl_seconds: None,
                };
                match records.put(&tenant, &install, "n", &write).await {
                    Ok(revision) => Saw::Wrote {
                        number: value,
                        revision,
                        expected,
                    },
                    Err(RecordError::Conflict(revision)) => Saw::Conflict(revision),
                    Err(error) => panic!("{error}"),
                }
            }
            _ => {
                let record = records.get(&tenant, &install, "n", "k").await.unwrap();
                Saw::Read(record.map(|record| {
                    (
                        record.revision,
                        String::from_utf8(record.value).unwrap().parse().unwrap(),
                    )
                }))
            }
        };
        let ended = clock.fetch_add(1, Ordering::SeqCst);
        seen = match &saw {
            Saw::Read(None) | Saw::Deleted => 0,
            other => proved(other).unwrap_or(0),
        };
        history.push(Operation { began, ended, saw });
    }
    history
}

fn check(history: &[Operation]) {
    let mut writes = std::collections::BTreeMap::new();
    for operation in history {
        if let Saw::Wrote {
            number,
            revision,
            expected,
        } = operation.saw
        {
            assert!(
                writes.insert(revision, number).is_none(),
                "revision {revision} was given twice"
            );
            if let Some(expected) = expected.filter(|expected| *expected > 0) {
                assert_eq!(
                    revision,
                    expected + 1,
                    "a write replaced a revision that it did not expect"
                );
            }
        }
    }
    for later in history {
        if let Saw::Read(Some((revision, number))) = later.saw {
            assert_eq!(
                writes.get(&revision),
                Some(&number),
                "a value that no client wrote as this revision"
            );
        }
        let newest = history
            .iter()
            .filter(|earlier| earlier.ended < later.began)
            .filter_map(|earlier| proved(&earlier.saw))
            .max();
        let Some(newest) = newest else { continue };
        match &later.saw {
            Saw::Wrote { revision, .. } => assert!(*revision > newest, "{later:?} after revision {newest} was known"),
            Saw::Read(Some((revision, _))) => {
                assert!(*revision >= newest, "{later:?} after revision {newest} was known")
            }
            // No record exists: another client must have deleted it, or be about to.
            Saw::Read(None) | Saw::Conflict(0) => {
                let wrote_newest = history
                    .iter()
                    .find(|operation| matches!(operation.saw, Saw::Wrote { revision, .. } if revision == newest))
                    .unwrap();
                let deleted = history.iter().any(|operation| {
                    matches!(operation.saw, Saw::Deleted)
                        && operation.ended > wrote_newest.began
                        && operation.began < later.ended
                });
                assert!(deleted, "{later:?}, but no client deleted revision {newest}");
            }
            Saw::Conflict(revision) => assert!(*revision >= newest, "{later:?} after revision {newest} was known"),
            Saw::Deleted => {}
        }
    }
}

#[tokio::test]
async fn concurrent_operations_on_one_key_are_linearizable() {
    let world = TestPlatform::new().await;
    let records = Records::new(world.platform().database().clone(), LIMITS);
    let (clock, rounds) = (Arc::new(AtomicU64::new(0)), rounds(60));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(client(records.clone(), Arc::clone(&clock), number, rounds)))
        .collect();
    let mut history = Vec::new();
    for client in clients {
        history.extend(client.await.unwrap());
    }
    let wrote = history
        .iter()
        .filter(|operation| matches!(operation.saw, Saw::Wrote { .. }))
        .count();
    assert!(wrote > 10, "{wrote} writes prove nothing");
    check(&history);
}

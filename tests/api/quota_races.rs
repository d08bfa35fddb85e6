//! Limits of stored data at which many clients write at once (H10), on the database of the run.

use alga_harness::TestPlatform;
use alga_store::{RecordError, RecordLimits, RecordWrite, Records};

const LIMITS: RecordLimits = RecordLimits {
    namespaces: 5,
    keys: 100,
    namespace_bytes: 10_000,
};
const WRITES: usize = 1_000;

fn write(key: String, bytes: usize) -> RecordWrite {
    RecordWrite {
        key,
        value: vec![0; bytes],
        metadata: Vec::new(),
        if_revision: None,
        ttl_seconds: None,
    }
}

/// Makes all writes at once, each to its own namespace, and returns how many were accepted. The
/// others must be refused because the limit is reached.
async fn accepted(records: &Records, writes: Vec<(String, RecordWrite)>) -> usize {
    let writes = writes.into_iter().map(|(namespace, write)| {
        let records = records.clone();
        tokio::spawn(async move {
            let (tenant, install) = ("acme".parse().unwrap(), "i-1".parse().unwrap());
            records.put(&tenant, &install, &namespace, &write).await
        })
    });
    let mut accepted = 0;
    for write in writes.collect::<Vec<_>>() {
        match write.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert!(matches!(error, RecordError::Full(_)), "{error}"),
        }
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_parallel_writes_at_a_limit_exactly_the_limit_is_accepted() {
    let world = TestPlatform::new().await;
    let records = Records::new(world.platform().database().clone(), LIMITS);
    let keys = (0..WRITES).map(|number| ("keys".to_owned(), write(format!("k{number}"), 1)));
    assert_eq!(accepted(&records, keys.collect()).await, 100);
    // A key of 4 bytes and a value of 496 bytes: twenty fit into the namespace.
    let bytes = (0..WRITES).map(|number| ("bytes".to_owned(), write(format!("{number:04}"), 496)));
    assert_eq!(accepted(&records, bytes.collect()).await, 20);
    // Two namespaces exist already.
    let namespaces = (0..WRITES).map(|number| (format!("n{number}"), write("k".to_owned(), 1)));
    assert_eq!(accepted(&records, namespaces.collect()).await, 3);
}

//! An aggressor that publishes, installs and calls one new extension after the other: each is
//! compiled, loaded and executed once.

use alga_harness::{Release, TestPlatform, component};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

const TENANT: &str = "churn";

/// The aggressor at work, on the server's threads.
pub(super) struct Churn {
    runtime: Handle,
    is_over: Arc<AtomicBool>,
    task: JoinHandle<u64>,
}

impl Churn {
    pub(super) fn start(world: &'static TestPlatform, runtime: &Handle) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let ends = Arc::clone(&is_over);
        let task = runtime.spawn(async move {
            let mut called = 0;
            while !ends.load(Ordering::Relaxed) {
                publish_and_call(world).await;
                called += 1;
            }
            called
        });
        Self {
            runtime: runtime.clone(),
            is_over,
            task,
        }
    }

    /// Ends it and returns the number of new extensions.
    pub(super) fn end(self) -> f64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.runtime.block_on(self.task).unwrap() as f64
    }
}

async fn publish_and_call(world: &TestPlatform) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("com.example.new-{number}");
    // Another custom section makes another component, which is compiled again.
    let mut component = component("answers_ok");
    component.extend([0, 10, 1, b'n']);
    component.extend(number.to_le_bytes());
    let manifest = Release::manifest(&name, "1.0.0", &[]);
    let release = Release::new(world.key(), &manifest, &component);
    world.publish(&release).await;
    world.install(TENANT, &release, &[]).await.ok();
    let response = world.call(TENANT, "GET", &format!("{name}/"), "").await;
    // Beside all others, it may have no processor until its deadline.
    assert!([200, 504].contains(&response.status.as_u16()), "{}", response.text());
}

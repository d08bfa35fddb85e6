use super::*;
use crate::assets::Assets;
use alga_bundle::EntryPath;
use alga_signing::{SigningKey, TrustBundle};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;
use tokio::task::yield_now;

/// A source whose calls wait until they are released, and that counts them.
#[derive(Default)]
struct Slow {
    lookups: Calls,
    loads: Calls,
}

#[derive(Default)]
struct Calls {
    now: AtomicUsize,
    all: AtomicUsize,
    released: Notify,
}

impl Calls {
    async fn wait(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
        self.now.fetch_add(1, Ordering::SeqCst);
        self.released.notified().await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AssetSource for Slow {
    fn find<'a>(&'a self, _: &'a Page) -> FindFuture<'a> {
        Box::pin(async {
            self.lookups.wait().await;
            Ok(true)
        })
    }

    fn fetch(&self, _: Digest) -> FetchFuture<'_> {
        Box::pin(async {
            self.loads.wait().await;
            Ok(Some(StoredBundle {
                bundle: b"no bundle".to_vec(),
                signatures: Vec::new(),
                receipt: None,
            }))
        })
    }
}

fn releases(source: &Arc<Slow>) -> Releases {
    let key = SigningKey::generate().unwrap();
    let trust = TrustPolicy::new(TrustBundle::default(), key.verifying_key());
    Releases::new(Arc::clone(source) as Arc<dyn AssetSource>, Arc::new(trust))
}

fn page(number: usize) -> Page {
    Page {
        extension: "com.example.a".to_owned(),
        content_hash: Digest::of(&number.to_le_bytes()),
        install: None,
    }
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test]
async fn two_lookups_and_two_loads_are_in_progress_at_once() {
    let source = Arc::new(Slow::default());
    let releases = releases(&source);
    let pages: Vec<Page> = (0..5).map(page).collect();
    let finding = join_all(pages.iter().map(|page| releases.find(page)));
    let released = async {
        for calls in [&source.lookups, &source.loads] {
            while calls.all.load(Ordering::SeqCst) < 5 || calls.now.load(Ordering::SeqCst) > 0 {
                settle().await;
                assert!(calls.now.load(Ordering::SeqCst) <= 2);
                calls.released.notify_one();
            }
        }
    };
    let (found, ()) = tokio::join!(finding, released);
    assert!(found.into_iter().all(|found| found.unwrap().is_none()));
}

#[tokio::test]
async fn a_bundle_that_could_not_be_loaded_is_not_tried_again_at_once() {
    let source = Arc::new(Slow::default());
    let releases = releases(&source);
    let page = page(1);
    source.lookups.released.notify_one();
    source.loads.released.notify_one();
    assert!(releases.find(&page).await.unwrap().is_none());
    releases.evict_all();
    source.lookups.released.notify_one();
    assert!(releases.find(&page).await.unwrap().is_none());
    assert_eq!(source.lookups.all.load(Ordering::SeqCst), 2);
    assert_eq!(source.loads.all.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn cached_files_have_at_most_512_mib_with_all_copies() {
    let source = Arc::new(Slow::default());
    let releases = releases(&source);
    let path: EntryPath = "ui/large.bin".parse().unwrap();
    for number in 0..40 {
        let files = BTreeMap::from([(path.clone(), vec![0; 8 * 1024 * 1024])]);
        let assets = Assets::new(0, &manifest(), files);
        releases
            .assets
            .insert((0, page(number).content_hash), Arc::new(assets))
            .await;
        releases.assets.run_pending_tasks().await;
        assert!(releases.assets.weighted_size() <= 512 * 1024 * 1024);
    }
    assert_eq!(releases.assets.entry_count(), 16);
}

fn manifest() -> alga_bundle::Manifest {
    let json = br#"{"name":"com.example.a","publisher":"example","version":"1.0.0","ui":{"type":"iframe","entry":"ui/index.html"}}"#;
    alga_bundle::Manifest::parse(json, known()).unwrap()
}

//! Calls interfaces that are proposals of WASI, in each version, and responds with what they
//! returned.
#![no_main]

use alga::prelude::*;
use std::fmt::Debug;

mod draft {
    wit_bindgen::generate!({ path: "../../adapters/components/wit/keyvalue-draft.wit", world: "guest", generate_all });
}
mod draft2 {
    wit_bindgen::generate!({ path: "../../adapters/components/wit/keyvalue-draft2.wit", world: "guest", generate_all });
}
mod config {
    wit_bindgen::generate!({ path: "../../adapters/components/wit/config.wit", world: "guest", generate_all });
}
mod logging {
    wit_bindgen::generate!({ path: "../../adapters/components/wit/logging.wit", world: "guest", generate_all });
}

#[alga::handler]
fn handle(request: Request) -> Result<Response> {
    let mut lines = Lines::default();
    match request.path() {
        "/keyvalue-draft" => of_draft(&mut lines),
        "/keyvalue-draft2" => of_draft2(&mut lines),
        "/config" => of_config(&mut lines),
        "/logging" => of_logging(&mut lines),
        "/increment" => increment(&mut lines),
        _ => {}
    }
    Ok(Response::text(lines.0.join("\n")))
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, name: &str, result: impl Debug) {
        self.0.push(format!("{name} {result:?}"));
    }
}

fn pairs(keys: std::ops::Range<u32>, value: &[u8]) -> Vec<(String, Vec<u8>)> {
    keys.map(|key| (format!("k{key:03}"), value.to_vec())).collect()
}

fn keys_of(pairs: &[(String, Vec<u8>)]) -> Vec<String> {
    pairs.iter().map(|(key, _)| key.clone()).collect()
}

fn of_draft(lines: &mut Lines) {
    use draft::wasi::keyvalue::{atomics, batch, store};
    lines.add("open", store::open("a b").map(|_| ()));
    let bucket = store::open("standard-1").unwrap();
    lines.add("get", bucket.get("a"));
    lines.add("set", bucket.set("a", b"1"));
    lines.add("get", bucket.get("a"));
    lines.add("exists", bucket.exists("a"));
    lines.add("exists", bucket.exists("b"));
    lines.add("increment", atomics::increment(&bucket, "a", 41));
    lines.add("increment", atomics::increment(&bucket, "n", 7));
    lines.add("increment", atomics::increment(&bucket, "n", u64::MAX));
    lines.add("set", bucket.set("text", b"x"));
    lines.add("increment", atomics::increment(&bucket, "text", 1));
    lines.add("delete", bucket.delete("text"));
    lines.add("delete", bucket.delete("text"));
    lines.add("key", bucket.set("", b"x"));
    // More than a batch of the host has, by number and by size, and one key twice.
    let mut many = pairs(0..120, b"v");
    many.push(("k000".to_owned(), b"last".to_vec()));
    lines.add("set-many", batch::set_many(&bucket, &many));
    let large = pairs(0..12, &[7; 60_000]);
    lines.add("set-many", batch::set_many(&bucket, &large[1..]));
    lines.add("set-many", batch::set_many(&bucket, &[]));
    let read = batch::get_many(&bucket, &["k000", "missing", "k119"].map(str::to_owned));
    lines.add("get-many", read);
    let large = batch::get_many(&bucket, &keys_of(&large));
    lines.add(
        "get-many",
        large.map(|values| {
            values
                .iter()
                .flatten()
                .map(|(_, value)| value.len())
                .collect::<Vec<_>>()
        }),
    );
    let first = bucket.list_keys(None);
    let cursor = first.as_ref().ok().and_then(|page| page.cursor);
    lines.add("list-keys", first.map(|page| (page.keys.len(), page.cursor)));
    lines.add(
        "list-keys",
        bucket.list_keys(cursor).map(|page| (page.keys.len(), page.cursor)),
    );
    lines.add("list-keys", bucket.list_keys(Some(u64::MAX)).map(|page| page.keys));
    lines.add(
        "delete-many",
        batch::delete_many(&bucket, &keys_of(&pairs(0..120, b""))),
    );
    lines.add("list-keys", bucket.list_keys(None).map(|page| (page.keys, page.cursor)));
}

fn of_draft2(lines: &mut Lines) {
    use draft2::wasi::keyvalue::atomics::{self, Cas, CasError};
    use draft2::wasi::keyvalue::{batch, store};
    lines.add("open", store::open("").map(|_| ()));
    let bucket = store::open("standard-2").unwrap();
    lines.add("get", bucket.get("a"));
    let one = Cas::new(&bucket, "a");
    lines.add("cas.new", one.as_ref().map(|_| ()));
    if let Ok(one) = one {
        lines.add("current", one.current());
        let other = Cas::new(&bucket, "a").unwrap();
        lines.add("swap", atomics::swap(one, b"first").is_ok());
        let again = match atomics::swap(other, b"second") {
            Err(CasError::CasFailed(again)) => again,
            result => panic!("{result:?}"),
        };
        lines.add("swap", atomics::swap(again, b"third").is_ok());
        let seen = Cas::new(&bucket, "a").unwrap();
        lines.add("set", bucket.set("a", b"fourth"));
        lines.add("current", seen.current());
        lines.add("swap", atomics::swap(seen, b"fifth").is_ok());
    }
    lines.add("get", bucket.get("a"));
    lines.add("exists", bucket.exists("a"));
    lines.add("increment", atomics::increment(&bucket, "n", -7));
    lines.add("increment", atomics::increment(&bucket, "n", i64::MIN));
    lines.add("set-many", batch::set_many(&bucket, &pairs(0..101, b"v")));
    lines.add(
        "get-many",
        batch::get_many(&bucket, &["k000", "missing"].map(str::to_owned)),
    );
    let first = bucket.list_keys(None);
    let cursor = first.as_ref().ok().and_then(|page| page.cursor.clone());
    lines.add("list-keys", first.map(|page| (page.keys.len(), page.cursor.is_some())));
    lines.add(
        "list-keys",
        bucket
            .list_keys(cursor.as_deref())
            .map(|page| (page.keys.len(), page.cursor)),
    );
    lines.add("list-keys", bucket.list_keys(Some("x")).is_err());
    lines.add("delete", bucket.delete("a"));
    lines.add(
        "delete-many",
        batch::delete_many(&bucket, &keys_of(&pairs(0..101, b""))),
    );
}

fn of_config(lines: &mut Lines) {
    use config::wasi::config0_2_0_draft_2024_09_27::store as draft;
    use config::wasi::config0_2_0_rc_1::store as candidate;
    lines.add("get", candidate::get("greeting"));
    lines.add("get", candidate::get("missing"));
    lines.add("get-all", candidate::get_all());
    lines.add("get", draft::get("greeting"));
    lines.add("get-all", draft::get_all());
}

fn of_logging(lines: &mut Lines) {
    use logging::wasi::logging::logging::{self as unversioned, Level};
    use logging::wasi::logging0_1_0_draft::logging as draft;
    unversioned::log(Level::Trace, "", "a trace");
    unversioned::log(Level::Critical, "orders", "a failure");
    draft::log(draft::Level::Warn, "orders", "a warning");
    lines.add("log", ());
}

fn increment(lines: &mut Lines) {
    use draft2::wasi::keyvalue::{atomics, store};
    let bucket = store::open("counter").unwrap();
    lines.add("increment", atomics::increment(&bucket, "n", 1));
}

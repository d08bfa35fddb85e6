//! Uses every function of `alga:storage` and responds with the result of each.
#![no_main]

use alga::kv::{Error as KvError, ListOptions, Namespace, PutOptions};
use alga::prelude::*;
use alga_test_guests::error_text;
use alga_test_guests::platform::storage::kv;

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    alga_test_guests::report(store())
}

fn store() -> Result<serde_json::Value> {
    let notes = Namespace::new("notes");
    let first = notes.create("a", &"one")?;
    let again = notes
        .create("a", &"two")
        .map_err(|error| error.to_string())
        .unwrap_err();
    let second = notes.replace("a", &"two", first)?;
    notes.put("b", &"three")?;
    let options = PutOptions {
        if_revision: None,
        ttl_seconds: Some(3600),
        metadata: b"meta".to_vec(),
    };
    notes.put_bytes("c", b"\x00\xff", &options)?;
    let raw = notes
        .get_bytes("c")?
        .ok_or_else(|| Error::Internal("c is gone".into()))?;
    let page = kv::list_entries(
        "notes",
        &ListOptions {
            prefix: String::new(),
            limit: Some(2),
            cursor: None,
        },
    )?;
    let keys: Vec<&str> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
    let rest = kv::list_entries(
        "notes",
        &ListOptions {
            prefix: String::new(),
            limit: None,
            cursor: page.next_cursor.clone(),
        },
    )?;
    let batch = notes.put_many(&[("d", "four"), ("e", "five")])?;
    let many: Vec<Option<String>> = notes
        .get_many::<String>(&["e", "nothing", "d"])?
        .into_iter()
        .map(|record| Some(record?.value))
        .collect();
    let usage = notes.usage()?;
    let brief = notes.put_for("brief", &"soon gone", std::time::Duration::from_secs(60))?;
    let typed = Namespace::new("typed");
    let fits = typed.put("k", &serde_json::json!({ "cents": 5 }))?;
    // Refused only if the manifest declares a schema.
    let misfit = error_text(typed.put("k", &serde_json::json!({ "cents": "five" })), "taken");
    let stale = notes.delete_at("b", 99).map_err(|error| error.to_string()).unwrap_err();
    let with_metadata = notes.put_with("b", &"three and more", &options)?;
    let deleted = (notes.delete("a")?, notes.delete("a")?);
    let recreated = notes.create("a", &"four")?;
    Ok(serde_json::json!({
        "revisions": [first, second, recreated],
        "conflict": again,
        "value": notes.get::<String>("a")?.map(|record| record.value),
        "raw": [raw.value, raw.metadata],
        "ttl_is_counted_down": raw.expires_in_seconds.is_some_and(|seconds| (3590..=3600).contains(&seconds)),
        "first_page": keys,
        "has_cursor": page.next_cursor.is_some(),
        "second_page": rest.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
        "deleted": deleted,
        "stale_delete": stale,
        "with_metadata": with_metadata,
        "batch": batch,
        "many": many,
        "usage": [usage.keys, usage.keys_limit, usage.bytes, usage.bytes_limit],
        "brief": brief,
        "schema": [fits.to_string(), misfit],
        "batches_refused": batches_refused(),
        "refused": refusals(),
    }))
}

/// Returns the errors of batches that exceed each limit.
fn batches_refused() -> Vec<String> {
    let item = |key: usize, value: usize| kv::Item {
        key: format!("k{key}"),
        value: vec![0; value],
        options: PutOptions {
            if_revision: None,
            ttl_seconds: None,
            metadata: Vec::new(),
        },
    };
    let put = |items: Vec<kv::Item>| report(kv::put_many("notes", &items).map(|_| ()));
    vec![
        put(vec![]),
        put((0..21).map(|key| item(key, 0)).collect()),
        put((0..9).map(|key| item(key, 64 * 1024)).collect()),
        put(vec![item(1, 0), item(1, 0)]),
        report(kv::get_many("notes", &vec!["k".to_owned(); 21]).map(|_| ())),
    ]
}

/// Returns the errors of calls that exceed each limit.
fn refusals() -> Vec<String> {
    let put = |namespace: &str, key: &str, value: usize, metadata: usize, ttl: Option<u32>| {
        let options = PutOptions {
            if_revision: None,
            ttl_seconds: ttl,
            metadata: vec![0; metadata],
        };
        report(kv::put(namespace, key, &vec![0; value], &options).map(|_| ()))
    };
    let list = |limit: u32, cursor: Option<&str>| {
        let options = ListOptions {
            prefix: String::new(),
            limit: Some(limit),
            cursor: cursor.map(Into::into),
        };
        report(kv::list_entries("notes", &options).map(|_| ()))
    };
    vec![
        put("", "k", 0, 0, None),
        put("a/b", "k", 0, 0, None),
        put("notes", "", 0, 0, None),
        put("notes", &"k".repeat(257), 0, 0, None),
        put("notes", "k", 64 * 1024 + 1, 0, None),
        put("notes", "k", 0, 4097, None),
        put("notes", "k", 0, 0, Some(59)),
        list(0, None),
        list(101, None),
        list(1, Some("bm90IGEgY3Vyc29y")),
    ]
}

fn report(result: core::result::Result<(), KvError>) -> String {
    match result {
        Err(KvError::InvalidInput(text)) => text,
        other => format!("unexpected: {other:?}"),
    }
}

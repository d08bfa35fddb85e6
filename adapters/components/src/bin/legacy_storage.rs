//! `storage` over `alga:storage/kv`.
#![no_main]

use alga::__private::bindings::alga::storage::kv::{self, Entry, Error, ListOptions, PutOptions};
use bindings::exports::alga::extension::storage::{Guest, StorageEntry, StorageError};

mod bindings {
    wit_bindgen::generate!({ path: "wit/extension.wit", world: "storage-adapter" });
}

/// Entries of a page, as in the old interface.
const PAGE: u32 = 25;

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

impl From<Error> for StorageError {
    fn from(error: Error) -> Self {
        match error {
            // A quota was a denial there, too.
            Error::Denied(_) | Error::QuotaExceeded(_) => Self::Denied,
            Error::Conflict(_) => Self::Conflict,
            Error::InvalidInput(_) | Error::Unavailable | Error::Other(_) => Self::Internal,
        }
    }
}

fn entry(namespace: &str, entry: Entry) -> StorageEntry {
    StorageEntry {
        namespace: namespace.to_owned(),
        key: entry.key,
        value: entry.value,
        revision: Some(entry.revision),
    }
}

impl Guest for Adapter {
    fn get(namespace: String, key: String) -> Result<StorageEntry, StorageError> {
        let found = kv::get(&namespace, &key)?.ok_or(StorageError::Missing)?;
        Ok(entry(&namespace, found))
    }

    fn put(entry: StorageEntry) -> Result<StorageEntry, StorageError> {
        let options = PutOptions {
            if_revision: entry.revision,
            ttl_seconds: None,
            metadata: Vec::new(),
        };
        let revision = kv::put(&entry.namespace, &entry.key, &entry.value, &options)?;
        Ok(StorageEntry {
            revision: Some(revision),
            ..entry
        })
    }

    fn delete(namespace: String, key: String) -> Result<(), StorageError> {
        match kv::delete(&namespace, &key, None)? {
            true => Ok(()),
            false => Err(StorageError::Missing),
        }
    }

    /// The cursor is the key of the last entry that the guest has: the old interface returns none.
    fn list_entries(namespace: String, cursor: Option<String>) -> Result<Vec<StorageEntry>, StorageError> {
        let mut options = ListOptions {
            prefix: String::new(),
            limit: Some(PAGE),
            cursor: None,
        };
        loop {
            let page = kv::list_entries(&namespace, &options)?;
            let is_next = |found: &Entry| cursor.as_ref().is_none_or(|last| found.key > *last);
            let entries = page.entries.into_iter().filter(is_next);
            let entries: Vec<_> = entries.map(|found| entry(&namespace, found)).collect();
            if !entries.is_empty() || page.next_cursor.is_none() {
                return Ok(entries);
            }
            options.cursor = page.next_cursor;
        }
    }
}

//! Key/value records of this install (`alga:storage/kv`, granted by `cap:storage.kv`).
//!
//! ```no_run
//! # #[derive(serde::Serialize, serde::Deserialize)] struct Agreement { title: String }
//! # fn example() -> alga::Result<()> {
//! let agreements = alga::kv::Namespace::new("agreements");
//! agreements.create("a-17", &Agreement { title: "Support".into() })?;
//! if let Some(record) = agreements.get::<Agreement>("a-17")? {
//!     agreements.replace("a-17", &Agreement { title: "Support+".into() }, record.revision)?;
//! }
//! # Ok(()) }
//! ```

use crate::Result;
use crate::bindings::alga::storage::kv;
use serde::{Serialize, de::DeserializeOwned};

pub use kv::{Entry, Error, Item, ListOptions, PutOptions, Usage};

use std::time::Duration;

/// Namespace of the install's records. Values are JSON; for raw bytes see [`Namespace::get_bytes`].
#[derive(Debug, Clone, Copy)]
pub struct Namespace<'a> {
    name: &'a str,
}

/// Record with the revision that a later [`Namespace::replace`] needs.
#[derive(Debug)]
pub struct Record<T> {
    /// Key of the record.
    pub key: String,
    /// Value of the record.
    pub value: T,
    /// Revision of the record.
    pub revision: u64,
}

/// One page of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// The records, in the order of their keys.
    pub records: Vec<Record<T>>,
    /// Cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

impl<'a> Namespace<'a> {
    /// Creates a handle for a namespace without accessing the storage.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self { name }
    }

    /// Reads a record as JSON.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`], and
    /// [`crate::Error::Internal`] if the value is not the JSON of a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Record<T>>> {
        self.get_bytes(key)?.map(parse).transpose()
    }

    /// Writes a record unconditionally and returns its revision.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, &options(None))
    }

    /// Writes a record only if its key does not exist yet.
    ///
    /// # Errors
    /// Returns [`crate::Error::Conflict`] if the key exists.
    pub fn create<T: Serialize>(&self, key: &str, value: &T) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, &options(Some(0)))
    }

    /// Writes a record only if it is at this revision.
    ///
    /// # Errors
    /// Returns [`crate::Error::Conflict`] if it is at another revision.
    pub fn replace<T: Serialize>(&self, key: &str, value: &T, revision: u64) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, &options(Some(revision)))
    }

    /// Writes a record that expires after a time to live of 60 seconds to 30 days.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn put_for<T: Serialize>(&self, key: &str, value: &T, life: Duration) -> Result<u64> {
        let options = PutOptions {
            ttl_seconds: Some(u32::try_from(life.as_secs()).unwrap_or(u32::MAX)),
            ..options(None)
        };
        self.put_bytes(key, &serde_json::to_vec(value)?, &options)
    }

    /// Reads up to 20 records, in the order of the given keys.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`], and
    /// [`crate::Error::Internal`] if a value is not the JSON of a `T`.
    pub fn get_many<T: DeserializeOwned>(&self, keys: &[&str]) -> Result<Vec<Option<Record<T>>>> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let entries = kv::get_many(self.name, &keys)?;
        entries.into_iter().map(|entry| entry.map(parse).transpose()).collect()
    }

    /// Writes up to 20 records with distinct keys, all or none, and returns their revisions.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn put_many<T: Serialize>(&self, records: &[(&str, T)]) -> Result<Vec<u64>> {
        let item = |(key, value): &(&str, T)| {
            Ok(Item {
                key: (*key).to_owned(),
                value: serde_json::to_vec(value)?,
                options: options(None),
            })
        };
        let items: Vec<Item> = records.iter().map(item).collect::<Result<_>>()?;
        Ok(kv::put_many(self.name, &items)?)
    }

    /// Returns the usage and limits of the namespace.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn usage(&self) -> Result<Usage> {
        Ok(kv::usage_of(self.name)?)
    }

    /// Deletes a record and returns true if it existed.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn delete(&self, key: &str) -> Result<bool> {
        Ok(kv::delete(self.name, key, None)?)
    }

    /// Deletes a record only if it is at this revision.
    ///
    /// # Errors
    /// Returns [`crate::Error::Conflict`] if the record is at another revision.
    pub fn delete_at(&self, key: &str, revision: u64) -> Result<bool> {
        Ok(kv::delete(self.name, key, Some(revision))?)
    }

    /// Lists records whose keys start with `prefix`.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`], and
    /// [`crate::Error::Internal`] if a value is not the JSON of a `T`.
    pub fn list<T: DeserializeOwned>(&self, prefix: &str, limit: u32, cursor: Option<&str>) -> Result<Page<T>> {
        let options = ListOptions {
            prefix: prefix.to_owned(),
            limit: Some(limit),
            cursor: cursor.map(ToOwned::to_owned),
        };
        let page = kv::list_entries(self.name, &options)?;
        let records = page.entries.into_iter().map(parse).collect::<Result<_>>()?;
        Ok(Page {
            records,
            next_cursor: page.next_cursor,
        })
    }

    /// Writes a record with the given options and returns its revision.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn put_with<T: Serialize>(&self, key: &str, value: &T, options: &PutOptions) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, options)
    }

    /// Reads a record as bytes.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn get_bytes(&self, key: &str) -> Result<Option<Entry>> {
        Ok(kv::get(self.name, key)?)
    }

    /// Writes a record as bytes with the given options and returns its revision.
    ///
    /// # Errors
    /// Returns the errors of `alga:storage/kv`, converted to [`crate::Error`].
    pub fn put_bytes(&self, key: &str, value: &[u8], options: &PutOptions) -> Result<u64> {
        Ok(kv::put(self.name, key, value, options)?)
    }
}

fn options(if_revision: Option<u64>) -> PutOptions {
    PutOptions {
        if_revision,
        ttl_seconds: None,
        metadata: Vec::new(),
    }
}

fn parse<T: DeserializeOwned>(entry: Entry) -> Result<Record<T>> {
    let value = serde_json::from_slice(&entry.value)?;
    Ok(Record {
        key: entry.key,
        value,
        revision: entry.revision,
    })
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(text) => Self::Denied(text),
            Error::InvalidInput(text) => Self::Invalid(text),
            Error::Conflict(revision) => Self::Conflict(format!("the record is at revision {revision}")),
            Error::QuotaExceeded(text) => Self::StorageFull(text),
            Error::Unavailable => Self::Unavailable("record storage did not respond in time".into()),
            Error::Other(text) => Self::Internal(text),
        }
    }
}

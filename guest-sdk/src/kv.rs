//! Keys and values of this install (`alga:storage/kv`, granted by `cap:storage.kv`).
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

/// A namespace of the install's records. Values are JSON; for raw bytes see [`Namespace::get_bytes`].
#[derive(Debug, Clone, Copy)]
pub struct Namespace<'a> {
    name: &'a str,
}

/// A record with the revision that a later [`Namespace::replace`] needs.
#[derive(Debug)]
pub struct Record<T> {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: T,
    /// Its revision.
    pub revision: u64,
}

/// Part of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// The records, in the order of their keys.
    pub records: Vec<Record<T>>,
    /// Where to go on, if there is more.
    pub next_cursor: Option<String>,
}

impl<'a> Namespace<'a> {
    /// Names a namespace; nothing is done yet.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self { name }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// As the store says, or when the value is not the JSON of a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Record<T>>> {
        self.get_bytes(key)?.map(parse).transpose()
    }

    /// Writes a record in any case. Answers its revision.
    ///
    /// # Errors
    /// As the store says.
    pub fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, &options(None))
    }

    /// Writes a record only if there is none under this key.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if there is one.
    pub fn create<T: Serialize>(&self, key: &str, value: &T) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, &options(Some(0)))
    }

    /// Writes a record only if it is still at this revision.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if it is not.
    pub fn replace<T: Serialize>(&self, key: &str, value: &T, revision: u64) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, &options(Some(revision)))
    }

    /// Writes a record that disappears after a while: 60 seconds to 30 days.
    ///
    /// # Errors
    /// As the store says.
    pub fn put_for<T: Serialize>(&self, key: &str, value: &T, life: Duration) -> Result<u64> {
        let options = PutOptions {
            ttl_seconds: Some(u32::try_from(life.as_secs()).unwrap_or(u32::MAX)),
            ..options(None)
        };
        self.put_bytes(key, &serde_json::to_vec(value)?, &options)
    }

    /// Reads up to 20 records, in the order of the keys.
    ///
    /// # Errors
    /// As the store says, or when a value is not the JSON of a `T`.
    pub fn get_many<T: DeserializeOwned>(&self, keys: &[&str]) -> Result<Vec<Option<Record<T>>>> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let entries = kv::get_many(self.name, &keys)?;
        entries.into_iter().map(|entry| entry.map(parse).transpose()).collect()
    }

    /// Writes up to 20 records of different keys, all or none. Answers their revisions.
    ///
    /// # Errors
    /// As the store says.
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

    /// What the namespace holds, and may hold.
    ///
    /// # Errors
    /// As the store says.
    pub fn usage(&self) -> Result<Usage> {
        Ok(kv::usage_of(self.name)?)
    }

    /// Deletes a record. Answers whether there was one.
    ///
    /// # Errors
    /// As the store says.
    pub fn delete(&self, key: &str) -> Result<bool> {
        Ok(kv::delete(self.name, key, None)?)
    }

    /// Deletes a record that is at this revision, and no other.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else was faster.
    pub fn delete_at(&self, key: &str, revision: u64) -> Result<bool> {
        Ok(kv::delete(self.name, key, Some(revision))?)
    }

    /// Lists records whose keys start with `prefix`.
    ///
    /// # Errors
    /// As the store says, or when a value is not the JSON of a `T`.
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

    /// Writes a record with every option there is; returns its revision.
    ///
    /// # Errors
    /// As the store says.
    pub fn put_with<T: Serialize>(&self, key: &str, value: &T, options: &PutOptions) -> Result<u64> {
        self.put_bytes(key, &serde_json::to_vec(value)?, options)
    }

    /// Reads a record as bytes.
    ///
    /// # Errors
    /// As the store says.
    pub fn get_bytes(&self, key: &str) -> Result<Option<Entry>> {
        Ok(kv::get(self.name, key)?)
    }

    /// Writes a record as bytes, with every option there is.
    ///
    /// # Errors
    /// As the store says.
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
            Error::Unavailable => Self::Unavailable("the store did not answer in time".into()),
            Error::Other(text) => Self::Internal(text),
        }
    }
}

//! Every version of `wasi:keyvalue` over `alga:storage/kv`.
//!
//! A bucket is a namespace of the install. Each version of the standard's interfaces has an adapter
//! of its own in `src/bin`, which differs in its types alone.

use alga::__private::bindings::alga::storage::kv::{self, Item, ListOptions, PutOptions};

/// Items of a batch, as `alga:storage/kv` limits them.
const BATCH_ITEMS: usize = 20;
/// Bytes of keys and values of a batch, as `alga:storage/kv` limits them.
const BATCH_BYTES: usize = 512 * 1024;
/// Records of a page, as `alga:storage/kv` limits them.
const PAGE: u32 = 100;
/// Attempts of an increment beside other writers, of which one succeeds each time.
const ATTEMPTS: usize = 64;
/// Characters of a namespace, as `alga:storage/kv` limits them.
const NAMESPACE_CHARACTERS: usize = 128;

/// The error of all versions.
#[derive(Debug)]
pub enum Error {
    /// No namespace can have this name.
    NoSuchStore,
    /// The tenant did not grant `cap:storage.kv`.
    AccessDenied,
    /// A limit, or a fault of the store.
    Other(String),
}

impl From<kv::Error> for Error {
    fn from(error: kv::Error) -> Self {
        match error {
            kv::Error::Denied(_) => Self::AccessDenied,
            kv::Error::InvalidInput(text) | kv::Error::QuotaExceeded(text) | kv::Error::Other(text) => {
                Self::Other(text)
            }
            kv::Error::Conflict(revision) => Self::Other(format!("another writer was faster: revision {revision}")),
            kv::Error::Unavailable => Self::Other("the store did not respond in time".to_owned()),
        }
    }
}

/// An open bucket.
#[derive(Debug, Clone)]
pub struct Namespace(String);

impl Namespace {
    /// Opens a bucket. Every valid name is one: a namespace exists with its first record.
    pub fn open(identifier: String) -> Result<Self, Error> {
        let is_allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        let is_valid = (1..=NAMESPACE_CHARACTERS).contains(&identifier.len()) && identifier.chars().all(is_allowed);
        is_valid.then_some(Self(identifier)).ok_or(Error::NoSuchStore)
    }

    /// Reads a value and its revision; 0 if there is none.
    pub fn read(&self, key: &str) -> Result<(Option<Vec<u8>>, u64), Error> {
        let found = kv::get(&self.0, key)?;
        let revision = found.as_ref().map_or(0, |entry| entry.revision);
        Ok((found.map(|entry| entry.value), revision))
    }

    /// Reads a value.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.read(key).map(|(value, _)| value)
    }

    /// Writes a value.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        kv::put(&self.0, key, value, &options(None))?;
        Ok(())
    }

    /// Deletes a key, if it exists.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        kv::delete(&self.0, key, None)?;
        Ok(())
    }

    /// Lists keys, and returns the cursor of the next ones.
    pub fn keys(&self, cursor: Option<String>) -> Result<(Vec<String>, Option<String>), Error> {
        let options = ListOptions {
            prefix: String::new(),
            limit: Some(PAGE),
            cursor,
        };
        let page = kv::list_entries(&self.0, &options)?;
        let keys = page.entries.into_iter().map(|entry| entry.key);
        Ok((keys.collect(), page.next_cursor))
    }

    /// Reads values in the order of their keys.
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let mut values = Vec::with_capacity(keys.len());
        for batch in keys.chunks(BATCH_ITEMS) {
            let entries = kv::get_many(&self.0, batch)?.into_iter();
            values.extend(entries.map(|entry| entry.map(|entry| entry.value)));
        }
        Ok(values)
    }

    /// Writes values; of several for a key, the last one. Batches before one that fails are
    /// written.
    pub fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let mut batch: Vec<Item> = Vec::new();
        let mut bytes = 0;
        for (key, value) in pairs {
            let size = key.len() + value.len();
            let is_full = batch.len() == BATCH_ITEMS || bytes + size > BATCH_BYTES;
            if is_full || batch.iter().any(|item| item.key == key) {
                self.put(&mut batch)?;
                bytes = 0;
            }
            bytes += size;
            batch.push(Item {
                key,
                value,
                options: options(None),
            });
        }
        self.put(&mut batch)
    }

    fn put(&self, batch: &mut Vec<Item>) -> Result<(), Error> {
        if !batch.is_empty() {
            kv::put_many(&self.0, batch)?;
            batch.clear();
        }
        Ok(())
    }

    /// Deletes keys, one after the other.
    pub fn delete_many(&self, keys: &[String]) -> Result<(), Error> {
        keys.iter().try_for_each(|key| self.delete(key))
    }

    /// Writes a value if the key is at this revision; otherwise returns the present revision.
    pub fn swap(&self, key: &str, revision: u64, value: &[u8]) -> Result<Result<(), u64>, Error> {
        match kv::put(&self.0, key, value, &options(Some(revision))) {
            Ok(_) => Ok(Ok(())),
            Err(kv::Error::Conflict(present)) => Ok(Err(present)),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces a number, which is stored as decimal digits, by the result of `next`; a missing one
    /// is 0.
    pub fn count<N: Copy + Default + ToString + std::str::FromStr>(
        &self,
        key: &str,
        next: impl Fn(N) -> Option<N>,
    ) -> Result<N, Error> {
        let failed = |text: &str| Error::Other(format!("{text}: {key}"));
        for _ in 0..ATTEMPTS {
            let (value, revision) = self.read(key)?;
            let text = value.map(String::from_utf8).transpose().ok();
            let number = text.and_then(|text| text.map_or(Some(N::default()), |text| text.parse().ok()));
            let number = number.ok_or_else(|| failed("the value is not a number"))?;
            let number = next(number).ok_or_else(|| failed("the number would be too large"))?;
            if self.swap(key, revision, number.to_string().as_bytes())?.is_ok() {
                return Ok(number);
            }
        }
        Err(failed("too many writers"))
    }
}

fn options(if_revision: Option<u64>) -> PutOptions {
    PutOptions {
        if_revision,
        ttl_seconds: None,
        metadata: Vec::new(),
    }
}

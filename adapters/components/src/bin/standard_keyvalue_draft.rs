//! `wasi:keyvalue` 0.2.0-draft over `alga:storage/kv`.
#![no_main]

use alga_adapter_components::keyvalue::{Error, Namespace};
use bindings::exports::wasi::keyvalue::{atomics, batch, store};
use std::cell::RefCell;
use store::{BucketBorrow, KeyResponse};

mod bindings {
    wit_bindgen::generate!({ path: "wit/keyvalue-draft.wit", world: "adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

struct Bucket {
    namespace: Namespace,
    /// Cursors of this execution: the standard's are numbers.
    cursors: RefCell<Vec<String>>,
}

impl From<Error> for store::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchStore => Self::NoSuchStore,
            Error::AccessDenied => Self::AccessDenied,
            Error::Other(text) => Self::Other(text),
        }
    }
}

fn namespace<'a>(bucket: &'a BucketBorrow<'_>) -> &'a Namespace {
    &bucket.get::<Bucket>().namespace
}

impl store::Guest for Adapter {
    type Bucket = Bucket;

    fn open(identifier: String) -> Result<store::Bucket, store::Error> {
        let bucket = Bucket {
            namespace: Namespace::open(identifier)?,
            cursors: RefCell::default(),
        };
        Ok(store::Bucket::new(bucket))
    }
}

impl store::GuestBucket for Bucket {
    fn get(&self, key: String) -> Result<Option<Vec<u8>>, store::Error> {
        Ok(self.namespace.get(&key)?)
    }

    fn set(&self, key: String, value: Vec<u8>) -> Result<(), store::Error> {
        Ok(self.namespace.set(&key, &value)?)
    }

    fn delete(&self, key: String) -> Result<(), store::Error> {
        Ok(self.namespace.delete(&key)?)
    }

    fn exists(&self, key: String) -> Result<bool, store::Error> {
        Ok(self.namespace.get(&key)?.is_some())
    }

    fn list_keys(&self, cursor: Option<u64>) -> Result<KeyResponse, store::Error> {
        let mut cursors = self.cursors.borrow_mut();
        let known = cursor.map(|number| {
            usize::try_from(number)
                .ok()
                .and_then(|number| cursors.get(number).cloned())
        });
        if known == Some(None) {
            let text = "a cursor is valid for the bucket and in the execution that received it";
            return Err(store::Error::Other(text.to_owned()));
        }
        let (keys, next) = self.namespace.keys(known.flatten())?;
        let cursor = next.map(|next| {
            cursors.push(next);
            cursors.len() as u64 - 1
        });
        Ok(KeyResponse { keys, cursor })
    }
}

impl atomics::Guest for Adapter {
    fn increment(bucket: BucketBorrow<'_>, key: String, delta: u64) -> Result<u64, store::Error> {
        Ok(namespace(&bucket).count(&key, |number: u64| number.checked_add(delta))?)
    }
}

impl batch::Guest for Adapter {
    fn get_many(bucket: BucketBorrow<'_>, keys: Vec<String>) -> Result<Vec<Option<(String, Vec<u8>)>>, store::Error> {
        let values = namespace(&bucket).get_many(&keys)?;
        let pairs = keys.into_iter().zip(values);
        Ok(pairs.map(|(key, value)| value.map(|value| (key, value))).collect())
    }

    fn set_many(bucket: BucketBorrow<'_>, key_values: Vec<(String, Vec<u8>)>) -> Result<(), store::Error> {
        Ok(namespace(&bucket).set_many(key_values)?)
    }

    fn delete_many(bucket: BucketBorrow<'_>, keys: Vec<String>) -> Result<(), store::Error> {
        Ok(namespace(&bucket).delete_many(&keys)?)
    }
}

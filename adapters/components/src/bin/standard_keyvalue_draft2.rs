//! `wasi:keyvalue` 0.2.0-draft2 over `alga:storage/kv`.
#![no_main]

use alga_adapter_components::keyvalue::{Error, Namespace};
use atomics::CasError;
use bindings::exports::wasi::keyvalue::{atomics, batch, store};
use std::cell::Cell;
use store::{BucketBorrow, KeyResponse};

mod bindings {
    wit_bindgen::generate!({ path: "wit/keyvalue-draft2.wit", world: "adapter" });
}

struct Adapter;

bindings::export!(Adapter with_types_in bindings);

struct Bucket(Namespace);

/// A key at the revision that was seen last.
struct Cas {
    namespace: Namespace,
    key: String,
    revision: Cell<u64>,
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
    &bucket.get::<Bucket>().0
}

impl store::Guest for Adapter {
    type Bucket = Bucket;

    fn open(identifier: String) -> Result<store::Bucket, store::Error> {
        Ok(store::Bucket::new(Bucket(Namespace::open(identifier)?)))
    }
}

impl store::GuestBucket for Bucket {
    fn get(&self, key: String) -> Result<Option<Vec<u8>>, store::Error> {
        Ok(self.0.get(&key)?)
    }

    fn set(&self, key: String, value: Vec<u8>) -> Result<(), store::Error> {
        Ok(self.0.set(&key, &value)?)
    }

    fn delete(&self, key: String) -> Result<(), store::Error> {
        Ok(self.0.delete(&key)?)
    }

    fn exists(&self, key: String) -> Result<bool, store::Error> {
        Ok(self.0.get(&key)?.is_some())
    }

    fn list_keys(&self, cursor: Option<String>) -> Result<KeyResponse, store::Error> {
        let (keys, cursor) = self.0.keys(cursor)?;
        Ok(KeyResponse { keys, cursor })
    }
}

impl atomics::GuestCas for Cas {
    fn new(bucket: BucketBorrow<'_>, key: String) -> Result<atomics::Cas, store::Error> {
        let namespace = namespace(&bucket).clone();
        let revision = Cell::new(namespace.read(&key)?.1);
        Ok(atomics::Cas::new(Self {
            namespace,
            key,
            revision,
        }))
    }

    /// A swap after this replaces the value that this returns, and no other one.
    fn current(&self) -> Result<Option<Vec<u8>>, store::Error> {
        let (value, revision) = self.namespace.read(&self.key)?;
        self.revision.set(revision);
        Ok(value)
    }
}

impl atomics::Guest for Adapter {
    type Cas = Cas;

    fn increment(bucket: BucketBorrow<'_>, key: String, delta: i64) -> Result<i64, store::Error> {
        Ok(namespace(&bucket).count(&key, |number: i64| number.checked_add(delta))?)
    }

    fn swap(cas: atomics::Cas, value: Vec<u8>) -> Result<(), CasError> {
        let cas: Cas = cas.into_inner();
        let swapped = cas.namespace.swap(&cas.key, cas.revision.get(), &value);
        match swapped.map_err(|error| CasError::StoreError(error.into()))? {
            Ok(()) => Ok(()),
            Err(present) => {
                cas.revision.set(present);
                Err(CasError::CasFailed(atomics::Cas::new(cas)))
            }
        }
    }
}

impl batch::Guest for Adapter {
    fn get_many(bucket: BucketBorrow<'_>, keys: Vec<String>) -> Result<Vec<(String, Option<Vec<u8>>)>, store::Error> {
        let values = namespace(&bucket).get_many(&keys)?;
        Ok(keys.into_iter().zip(values).collect())
    }

    fn set_many(bucket: BucketBorrow<'_>, key_values: Vec<(String, Vec<u8>)>) -> Result<(), store::Error> {
        Ok(namespace(&bucket).set_many(key_values)?)
    }

    fn delete_many(bucket: BucketBorrow<'_>, keys: Vec<String>) -> Result<(), store::Error> {
        Ok(namespace(&bucket).delete_many(&keys)?)
    }
}

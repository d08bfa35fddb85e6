//! Records in memory, as `alga:storage/kv` promises: atomic batches, revisions that are not reused,
//! times to live in scripted time, and the limits of an install.

use crate::time::ScriptedTime;
use alga_capabilities::{
    Backend, BackendError, BoxFuture, NamespaceUsage, Page, PutRequest, Record, Scope, TimeSource, storage_limits,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The records of one host, which has one install.
#[derive(Clone)]
pub(crate) struct MemoryRecords {
    namespaces: Arc<Mutex<Namespaces>>,
    time: ScriptedTime,
    fails: Arc<AtomicBool>,
}

type Namespaces = BTreeMap<String, Slots>;
type Slots = BTreeMap<String, Slot>;

/// Contents of a key: its last revision, and its record if there is one.
#[derive(Clone, Default)]
struct Slot {
    revision: u64,
    stored: Option<Stored>,
}

#[derive(Clone)]
struct Stored {
    value: Vec<u8>,
    metadata: Vec<u8>,
    expires: Option<Duration>,
}

impl Slot {
    fn record(&self, key: &str, now: Duration) -> Option<Record> {
        let stored = self.stored.as_ref().filter(|stored| stored.is_alive(now))?;
        let left = stored.expires.map(|expires| expires.saturating_sub(now).as_secs());
        Some(Record {
            key: key.to_owned(),
            value: stored.value.clone(),
            metadata: stored.metadata.clone(),
            revision: self.revision,
            expires_in_seconds: left.map(|left| u32::try_from(left).unwrap_or(u32::MAX)),
        })
    }

    /// Returns the revision that a write with an expected one is compared with.
    fn current(&self, now: Duration) -> u64 {
        let is_alive = self.stored.as_ref().is_some_and(|stored| stored.is_alive(now));
        if is_alive { self.revision } else { 0 }
    }
}

impl Stored {
    fn is_alive(&self, now: Duration) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

impl MemoryRecords {
    /// Checks the names and values of a script, which the platform would not have stored.
    pub(crate) fn check(values: &BTreeMap<String, BTreeMap<String, Value>>) -> Result<(), String> {
        if values.len() as u64 > storage_limits::NAMESPACES {
            return Err("kv: an install has at most 32 namespaces".to_owned());
        }
        for (name, records) in values {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            if !(1..=storage_limits::NAMESPACE_CHARACTERS).contains(&name.len()) || !name.bytes().all(allowed) {
                return Err(format!(
                    "kv: `{name}` is not a namespace: 1 to 128 characters of A-Z a-z 0-9 . _ -"
                ));
            }
            for (key, value) in records {
                let is_key = (1..=storage_limits::KEY_BYTES).contains(&key.len());
                if !is_key || value.to_string().len() > storage_limits::VALUE_BYTES {
                    return Err(format!(
                        "kv: `{name}`, `{key}`: a key has 1 to 256 bytes, a value at most 64 KiB"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Creates records with these values, at revision 1.
    pub(crate) fn new(values: BTreeMap<String, BTreeMap<String, Value>>, time: ScriptedTime) -> Self {
        let slot = |value: Value| Slot {
            revision: 1,
            stored: Some(Stored {
                value: value.to_string().into_bytes(),
                metadata: Vec::new(),
                expires: None,
            }),
        };
        let slots =
            |values: BTreeMap<String, Value>| values.into_iter().map(|(key, value)| (key, slot(value))).collect();
        let namespaces = values.into_iter().map(|(name, values)| (name, slots(values)));
        Self {
            namespaces: Arc::new(Mutex::new(namespaces.collect())),
            time,
            fails: Arc::default(),
        }
    }

    /// Decides whether every operation fails from now on.
    pub(crate) fn set_failing(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// Returns all values: JSON as it is, other bytes as base64.
    pub(crate) fn values(&self) -> BTreeMap<String, BTreeMap<String, Value>> {
        let now = self.time.elapsed();
        let shown = |bytes: &[u8]| {
            serde_json::from_slice(bytes).unwrap_or_else(|_| json!({ "base64": STANDARD.encode(bytes) }))
        };
        let mut all = BTreeMap::new();
        for (name, slots) in &*self.lock() {
            let records = slots.iter().filter_map(|(key, slot)| slot.record(key, now));
            let values: BTreeMap<_, _> = records.map(|record| (record.key, shown(&record.value))).collect();
            if !values.is_empty() {
                all.insert(name.clone(), values);
            }
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, Namespaces> {
        // Nothing that holds the lock panics.
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn available<T>(
        &self,
        operation: impl FnOnce(&mut Namespaces, Duration) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(BackendError::Unavailable("the test makes storage fail".into()));
        }
        operation(&mut self.lock(), self.time.elapsed())
    }
}

/// Writes one record; the caller discards the namespace if it fails.
fn write(slots: &mut Slots, request: PutRequest, now: Duration) -> Result<u64, BackendError> {
    let slot = slots.entry(request.key).or_default();
    let current = slot.current(now);
    if request.if_revision.is_some_and(|expected| expected != current) {
        return Err(BackendError::Conflict(current));
    }
    slot.revision += 1;
    slot.stored = Some(Stored {
        value: request.value,
        metadata: request.metadata,
        expires: request.ttl_seconds.map(|ttl| now + Duration::from_secs(ttl.into())),
    });
    Ok(slot.revision)
}

fn usage(slots: &Slots, now: Duration) -> NamespaceUsage {
    let mut usage = NamespaceUsage::default();
    for (key, slot) in slots {
        if let Some(record) = slot.record(key, now) {
            usage.keys += 1;
            usage.bytes += (key.len() + record.value.len() + record.metadata.len()) as u64;
        }
    }
    usage
}

/// Checks the limits of an install for a namespace that a write has changed: growth is refused, and
/// what there was remains.
fn check(all: &Namespaces, before: &Slots, changed: &Slots, now: Duration) -> Result<(), BackendError> {
    let (had, has) = (usage(before, now), usage(changed, now));
    let used = all.values().filter(|slots| usage(slots, now).keys > 0).count() as u64;
    if had.keys == 0 && used >= storage_limits::NAMESPACES {
        return Err(BackendError::QuotaExceeded("an install has at most 32 namespaces"));
    }
    if has.keys > had.keys && has.keys > storage_limits::KEYS {
        return Err(BackendError::QuotaExceeded("a namespace has at most 5120 keys"));
    }
    if has.bytes > had.bytes && has.bytes > storage_limits::NAMESPACE_BYTES {
        return Err(BackendError::QuotaExceeded("a namespace has at most 256 MiB"));
    }
    Ok(())
}

impl Backend for MemoryRecords {
    fn get<'a>(
        &'a self,
        _: &'a Scope,
        name: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Record>, BackendError>> {
        let found = self.available(|all, now| Ok(all.get(name).and_then(|slots| slots.get(key)?.record(key, now))));
        Box::pin(std::future::ready(found))
    }

    fn put<'a>(
        &'a self,
        scope: &'a Scope,
        name: &'a str,
        request: PutRequest,
    ) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async move {
            let revisions = self.put_many(scope, name, vec![request]).await?;
            Ok(revisions.first().copied().unwrap_or_default())
        })
    }

    fn delete<'a>(
        &'a self,
        _: &'a Scope,
        name: &'a str,
        key: &'a str,
        if_revision: Option<u64>,
    ) -> BoxFuture<'a, Result<bool, BackendError>> {
        let deleted = self.available(|all, now| {
            let slot = all.get_mut(name).and_then(|slots| slots.get_mut(key));
            let current = slot.as_ref().map_or(0, |slot| slot.current(now));
            if if_revision.is_some_and(|expected| expected != current) {
                return Err(BackendError::Conflict(current));
            }
            if let Some(slot) = slot {
                slot.stored = None;
            }
            Ok(current > 0)
        });
        Box::pin(std::future::ready(deleted))
    }

    fn list<'a>(
        &'a self,
        _: &'a Scope,
        name: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Page, BackendError>> {
        let page = self.available(|all, now| {
            let slots = all.get(name).into_iter().flatten();
            let matching =
                slots.filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
            let mut records: Vec<Record> = matching.filter_map(|(key, slot)| slot.record(key, now)).collect();
            let has_more = records.len() > limit as usize;
            records.truncate(limit as usize);
            Ok(Page { records, has_more })
        });
        Box::pin(std::future::ready(page))
    }

    fn get_many<'a>(
        &'a self,
        _: &'a Scope,
        name: &'a str,
        keys: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>, BackendError>> {
        let found = self.available(|all, now| {
            let get = |key: &String| all.get(name).and_then(|slots| slots.get(key)?.record(key, now));
            Ok(keys.iter().map(get).collect())
        });
        Box::pin(std::future::ready(found))
    }

    fn put_many<'a>(
        &'a self,
        _: &'a Scope,
        name: &'a str,
        requests: Vec<PutRequest>,
    ) -> BoxFuture<'a, Result<Vec<u64>, BackendError>> {
        let written = self.available(|all, now| {
            // All of them or none.
            let before = all.get(name).cloned().unwrap_or_default();
            let mut changed = before.clone();
            let writes = requests.into_iter().map(|request| write(&mut changed, request, now));
            let revisions: Vec<u64> = writes.collect::<Result<_, _>>()?;
            check(all, &before, &changed, now)?;
            all.insert(name.to_owned(), changed);
            Ok(revisions)
        });
        Box::pin(std::future::ready(written))
    }

    fn usage<'a>(&'a self, _: &'a Scope, name: &'a str) -> BoxFuture<'a, Result<NamespaceUsage, BackendError>> {
        let used = self.available(|all, now| Ok(all.get(name).map(|slots| usage(slots, now)).unwrap_or_default()));
        Box::pin(std::future::ready(used))
    }
}

//! The limits that `wit/deps/alga-storage/storage.wit` documents.

use super::kv::Error;
use crate::rate_limit::InstallRateLimiter;
use governor::Quota;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

/// Maximum characters of a namespace's name.
pub const NAMESPACE_CHARACTERS: usize = 128;
/// Maximum namespaces of an install.
pub const NAMESPACES: u64 = 32;
/// Maximum bytes of a key.
pub const KEY_BYTES: usize = 256;
/// Maximum bytes of a value.
pub const VALUE_BYTES: usize = 64 * 1024;
/// Maximum bytes of metadata.
pub const METADATA_BYTES: usize = 4 * 1024;
/// Maximum keys of a namespace.
pub const KEYS: u64 = 5_120;
/// Maximum bytes of a namespace: keys, values and metadata.
pub const NAMESPACE_BYTES: u64 = 256 * 1024 * 1024;
/// Allowed time to live of a record, in seconds.
pub const TTL_SECONDS: RangeInclusive<u32> = 60..=30 * 24 * 60 * 60;
/// Writes of an install per second; a batch counts as one. SQLite handles some thousand writes per
/// second for all installs together.
const WRITES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
/// Burst of writes of an install.
const WRITES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_999);
/// Maximum items of a batch.
const BATCH_ITEMS: usize = 20;
/// Maximum bytes of a batch: keys, values and metadata.
const BATCH_BYTES: usize = 512 * 1024;
/// Records of a page if the guest specifies no limit.
const LIST_DEFAULT: u32 = 25;
/// Maximum records of a page.
const LIST_MAXIMUM: u32 = 100;

/// Returns the limiter of writes per install.
pub(super) fn write_pace() -> InstallRateLimiter {
    InstallRateLimiter::new(Quota::per_second(WRITES_PER_SECOND).allow_burst(WRITES_AT_ONCE))
}

fn check(fits: bool, rule: &str) -> Result<(), Error> {
    if fits {
        Ok(())
    } else {
        Err(Error::InvalidInput(rule.to_owned()))
    }
}

pub(super) fn check_namespace(namespace: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let fits = (1..=NAMESPACE_CHARACTERS).contains(&namespace.len()) && namespace.bytes().all(allowed);
    check(fits, "a namespace has 1 to 128 characters of A-Z a-z 0-9 . _ -")
}

pub(super) fn check_key(key: &str) -> Result<(), Error> {
    check((1..=KEY_BYTES).contains(&key.len()), "a key has 1 to 256 bytes")
}

pub(super) fn check_prefix(prefix: &str) -> Result<(), Error> {
    check(prefix.len() <= KEY_BYTES, "a prefix has at most 256 bytes")
}

pub(super) fn check_value(value: &[u8], metadata: &[u8]) -> Result<(), Error> {
    check(value.len() <= VALUE_BYTES, "a value has at most 65536 bytes")?;
    check(metadata.len() <= METADATA_BYTES, "metadata has at most 4096 bytes")
}

pub(super) fn check_ttl(seconds: Option<u32>) -> Result<(), Error> {
    check(
        seconds.is_none_or(|seconds| TTL_SECONDS.contains(&seconds)),
        "a time to live is 60 to 2592000 seconds",
    )
}

pub(super) fn check_list_limit(limit: Option<u32>) -> Result<u32, Error> {
    let limit = limit.unwrap_or(LIST_DEFAULT);
    check((1..=LIST_MAXIMUM).contains(&limit), "a page has 1 to 100 records")?;
    Ok(limit)
}

pub(super) fn check_batch(items: usize, bytes: usize) -> Result<(), Error> {
    check((1..=BATCH_ITEMS).contains(&items), "a batch has 1 to 20 items")?;
    check(bytes <= BATCH_BYTES, "a batch has at most 524288 bytes")
}

pub(super) fn check_different<'a>(keys: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    let mut keys = keys;
    check(keys.all(|key| seen.insert(key)), "duplicate key in batch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_write_rate_is_limited_per_install_with_bursts_of_2000() {
        let pace = write_pace();
        let install = |name: &str| -> alga_bundle::InstallId { name.parse().unwrap() };
        // On a slow machine, the limiter refills during the loop and allows a few more.
        let allowed = (0..10_000).filter(|_| pace.allows(&install("i-1"))).count();
        assert!((2_000..6_000).contains(&allowed), "{allowed}");
        assert!(pace.allows(&install("i-2")));
    }
}

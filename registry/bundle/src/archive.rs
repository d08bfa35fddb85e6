//! The archive format: one zstd frame around a canonical ustar archive of regular files.
//!
//! The reader does not try to decide whether what it finds is harmless. It reads a path and a size
//! from each header, makes the header that the writer would have written for them, and refuses the
//! bundle if a single byte differs. Links, devices, extension headers, owners, times, inconsistent
//! sizes, unsorted or repeated paths, trailing data: the writer can write none of them, so the
//! reader accepts none of them.

mod foreign;
mod read;

pub use foreign::unpack_foreign;
pub(crate) use read::{Files, read};

use crate::EntryPath;
use crate::limits::{BUNDLE_BYTES, CONTENT_BYTES, ENTRIES, ZSTD_WINDOW_LOG};
use std::collections::BTreeMap;
use std::io;
use zstd::zstd_safe;

const BLOCK_BYTES: usize = 512;
/// The highest zstd level without `ultra`: bundles are packed once and read for years.
const ZSTD_LEVEL: i32 = 19;
/// The level of zstd's own command: a tenth of the time, some 15 % more bytes.
const QUICK_ZSTD_LEVEL: i32 = 3;

/// An error of packing or unpacking an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The bundle has more compressed bytes than [`BUNDLE_BYTES`].
    #[error("the bundle has {actual} bytes, more than the {BUNDLE_BYTES} allowed")]
    TooLarge {
        /// The actual number of bytes.
        actual: usize,
    },
    /// The bundle is not exactly one zstd frame.
    #[error("the bundle is not one zstd frame from its first byte to its last")]
    NotOneFrame,
    /// The frame does not decode, or requires a larger window.
    #[error("the zstd frame does not decode")]
    Frame(#[source] io::Error),
    /// The content is larger than [`CONTENT_BYTES`], or suspiciously larger than the archive.
    #[error("the content is larger than {limit} bytes")]
    Expands {
        /// The limit that was exceeded, in bytes.
        limit: usize,
    },
    /// The bundle has more files than [`ENTRIES`].
    #[error("the bundle has more than {ENTRIES} files")]
    TooManyEntries,
    /// An entry's path is not a valid path of a bundle.
    #[error("`{path}` is not a valid path in a bundle: {source}")]
    Path {
        /// The path as found, with special characters escaped.
        path: String,
        /// The violated rule.
        source: crate::PathError,
    },
    /// A header is not the one that packing would have written.
    #[error("entry {index} is not canonical\nhint: pack the files again with `alga pack`")]
    NotCanonical {
        /// The entry's index, counted from 0.
        index: usize,
    },
    /// The paths are not strictly ascending.
    #[error("`{path}` is out of order or duplicated")]
    Order {
        /// The second of the two paths.
        path: String,
    },
    /// Two paths differ only in case.
    #[error("the name of `{path}` differs from another file's only in case; some file systems have one file for both")]
    Case {
        /// The second of the two paths.
        path: String,
    },
    /// Programs unpack the archive differently, so the content that an author saw may differ from
    /// the content that would be signed.
    #[error(
        "entry {index} is read differently by different tar programs: {reason}\nhint: unpack it and pack the files with `alga pack <directory>`"
    )]
    Ambiguous {
        /// The entry's index, counted from 0, including extension headers.
        index: usize,
        /// A description of the ambiguity.
        reason: String,
    },
    /// A path is both a file and a directory.
    #[error("`{path}` is a file and a directory; a path is one or the other")]
    FileAndDirectory {
        /// The path, in lower case.
        path: String,
    },
    /// The archive is truncated, or does not end where its end marker is.
    #[error("the archive does not end with two empty blocks and nothing after them")]
    End,
}

/// Packs files into a bundle. The same files give the same bytes, on every machine and at any time.
///
/// # Errors
/// Returns [`ArchiveError`] if the files exceed a limit of bundles.
pub fn pack(files: &BTreeMap<EntryPath, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    pack_at(ZSTD_LEVEL, files)
}

/// Packs files as [`pack`] does, in a tenth of the time and into more bytes: for bundles that are
/// replaced soon, such as those of each change while an extension is developed.
///
/// # Errors
/// Returns [`ArchiveError`] if the files exceed a limit of bundles.
pub fn pack_quickly(files: &BTreeMap<EntryPath, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    pack_at(QUICK_ZSTD_LEVEL, files)
}

fn pack_at(level: i32, files: &BTreeMap<EntryPath, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    if files.len() > ENTRIES {
        return Err(ArchiveError::TooManyEntries);
    }
    let mut archive = Vec::new();
    for (path, bytes) in files {
        archive.extend_from_slice(&canonical_header(path, bytes.len())?);
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
    if archive.len() > CONTENT_BYTES {
        return Err(ArchiveError::Expands { limit: CONTENT_BYTES });
    }
    let packed = compress(level, &archive).map_err(ArchiveError::Frame)?;
    // Pair assertion: the reader accepts what this function writes.
    read::read(packed.as_slice(), packed.len(), |_| false).map(|_| packed)
}

/// Unpacks the files of an archive, without checking that they form a bundle.
///
/// # Errors
/// Returns [`ArchiveError`] if the bytes are not a canonical archive within its limits.
pub fn unpack(bundle: &[u8]) -> Result<BTreeMap<EntryPath, Vec<u8>>, ArchiveError> {
    read::read(bundle, bundle.len(), |_| true).map(|files| files.requested)
}

fn compress(level: i32, archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    compressor.set_parameter(zstd_safe::CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
    compressor.compress(archive)
}

/// Returns the path and size in a header, if it is the header that packing writes for them.
fn canonical_entry(header: &[u8; BLOCK_BYTES], index: usize) -> Result<(EntryPath, usize), ArchiveError> {
    let not_canonical = || ArchiveError::NotCanonical { index };
    let parsed = tar::Header::from_byte_slice(header);
    let size = parsed
        .entry_size()
        .ok()
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(not_canonical)?;
    let bytes = parsed.path_bytes();
    let text = std::str::from_utf8(&bytes).map_err(|_| not_canonical())?;
    let path: EntryPath = text.parse().map_err(|source| ArchiveError::Path {
        path: text.escape_default().to_string(),
        source,
    })?;
    let expected = canonical_header(&path, size)?;
    if expected == *header {
        Ok((path, size))
    } else {
        Err(not_canonical())
    }
}

/// Returns the POSIX.1-1988 ustar header of a regular file: mode 0644; owner, group and time zero.
fn canonical_header(path: &EntryPath, size: usize) -> Result<[u8; BLOCK_BYTES], ArchiveError> {
    let unfit = |_| ArchiveError::Path {
        path: path.to_string(),
        source: crate::PathError,
    };
    let mut header = tar::Header::new_ustar();
    header.set_path(path.as_str()).map_err(unfit)?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(*header.as_bytes())
}

#[cfg(test)]
mod tests;

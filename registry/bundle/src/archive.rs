//! The archive format: one zstd frame around a canonical ustar archive of regular files.
//!
//! The reader does not interpret what it finds and then decide whether it is harmless. It takes a path and a size from each header,
//! asks the writer what header it would have written for them, and refuses the bundle if a single byte differs. Links, devices,
//! extensions, owners, times, desynchronised sizes, unsorted or repeated paths, trailing data: none of it can be written, so none of
//! it can be read.

use crate::EntryPath;
use crate::limits::{BUNDLE_BYTES, CONTENT_BYTES, ENTRIES, EXPANSION_FREE_BYTES, EXPANSION_RATIO, ZSTD_WINDOW_LOG};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::Range;
use zstd::zstd_safe;

const BLOCK_BYTES: usize = 512;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// zstd's own highest without `ultra`: bundles are packed once and read for years.
const ZSTD_LEVEL: i32 = 19;
const READ_CHUNK_BYTES: usize = 64 * 1024;

/// Why an archive is not a bundle, or files cannot become one.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// More compressed bytes than [`BUNDLE_BYTES`].
    #[error("the bundle has {actual} bytes, more than the {BUNDLE_BYTES} allowed")]
    TooLarge {
        /// What came.
        actual: usize,
    },
    /// Not exactly one zstd frame.
    #[error("the bundle is not one zstd frame from its first byte to its last")]
    NotOneFrame,
    /// The frame does not decode, or wants a larger window.
    #[error("the zstd frame does not decode")]
    Frame(#[source] io::Error),
    /// Content larger than [`CONTENT_BYTES`], or suspiciously larger than the archive.
    #[error("the content is larger than {limit} bytes")]
    Expands {
        /// The limit that was hit.
        limit: usize,
    },
    /// More files than [`ENTRIES`].
    #[error("the bundle has more than {ENTRIES} files")]
    TooManyEntries,
    /// A path is not a path of a bundle.
    #[error("`{path}` is no path for a bundle: {source}")]
    Path {
        /// As found, made printable.
        path: String,
        /// The rule.
        source: crate::PathError,
    },
    /// A header is not the one that packing would have written.
    #[error("entry {index} is not canonical\nhint: pack the files again with `alga pack`")]
    NotCanonical {
        /// Counted from 0.
        index: usize,
    },
    /// Paths are not strictly ascending, or differ only in case.
    #[error("`{path}` is out of order or there twice")]
    Order {
        /// The second one.
        path: String,
    },
    /// The archive ends in the middle, or not where it says.
    #[error("the archive does not end with two empty blocks and nothing after them")]
    End,
}

/// The files of an archive: where each is in `content`.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) content: Vec<u8>,
    pub(crate) ranges: BTreeMap<EntryPath, Range<usize>>,
}

/// Packs files. The same files give the same bytes, on every machine and on every day.
///
/// # Errors
/// When the files break a limit of a bundle.
pub fn pack(files: &BTreeMap<EntryPath, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
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
    let packed = compress(&archive).map_err(ArchiveError::Frame)?;
    // Pair assertion: what this writes, the reader takes.
    unpack(&packed).map(|_| packed)
}

fn compress(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    compressor.set_parameter(zstd_safe::CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
    compressor.compress(archive)
}

/// Reads an archive whole or refuses it whole.
///
/// 1. size, 2. exactly one frame, 3. decoding under limits, 4. every header canonical, 5. order, 6. the end.
pub(crate) fn unpack(bundle: &[u8]) -> Result<Files, ArchiveError> {
    // 1.
    if bundle.len() > BUNDLE_BYTES {
        return Err(ArchiveError::TooLarge { actual: bundle.len() });
    }
    // 2. A skippable frame has another magic number; a second frame makes the first one shorter than the input.
    if !bundle.starts_with(&ZSTD_MAGIC) || zstd_safe::find_frame_compressed_size(bundle) != Ok(bundle.len()) {
        return Err(ArchiveError::NotOneFrame);
    }
    // 3.
    let content = decompress(bundle)?;
    // 4. to 6.
    let ranges = index(&content)?;
    Ok(Files { content, ranges })
}

fn decompress(bundle: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    let limit = CONTENT_BYTES.min(bundle.len().saturating_mul(EXPANSION_RATIO).max(EXPANSION_FREE_BYTES));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bundle)
        .map_err(ArchiveError::Frame)?
        .single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(ArchiveError::Frame)?;
    let mut content = Vec::new();
    loop {
        let mut chunk = decoder.by_ref().take(READ_CHUNK_BYTES as u64);
        let read = chunk.read_to_end(&mut content).map_err(ArchiveError::Frame)?;
        if content.len() > limit {
            return Err(ArchiveError::Expands { limit });
        }
        if read == 0 {
            return Ok(content);
        }
    }
}

fn index(content: &[u8]) -> Result<BTreeMap<EntryPath, Range<usize>>, ArchiveError> {
    let mut ranges: BTreeMap<EntryPath, Range<usize>> = BTreeMap::new();
    let mut folded = BTreeSet::new();
    let mut position = 0;
    loop {
        let header = block(content, position)?;
        if header.iter().all(|byte| *byte == 0) {
            return end_is_exact(content, position).map(|()| ranges);
        }
        if ranges.len() == ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        let (path, size) = canonical_entry(header, ranges.len())?;
        let in_order = ranges.last_key_value().is_none_or(|(last, _)| *last < path);
        if !in_order || !folded.insert(path.folded()) {
            return Err(ArchiveError::Order { path: path.to_string() });
        }
        let start = position + BLOCK_BYTES;
        let end = start
            .checked_add(size)
            .filter(|end| *end <= content.len())
            .ok_or(ArchiveError::End)?;
        position = end.next_multiple_of(BLOCK_BYTES);
        let padding = content.get(end..position).ok_or(ArchiveError::End)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::NotCanonical { index: ranges.len() });
        }
        ranges.insert(path, start..end);
    }
}

fn block(content: &[u8], position: usize) -> Result<&[u8; BLOCK_BYTES], ArchiveError> {
    content
        .get(position..)
        .and_then(<[u8]>::first_chunk)
        .ok_or(ArchiveError::End)
}

fn end_is_exact(content: &[u8], position: usize) -> Result<(), ArchiveError> {
    let rest = content.get(position..).unwrap_or_default();
    let exact = rest.len() == 2 * BLOCK_BYTES && rest.iter().all(|byte| *byte == 0);
    exact.then_some(()).ok_or(ArchiveError::End)
}

/// The path and size of a header, if it is the header that packing writes for them.
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

/// POSIX.1-1988 ustar: regular file, mode 0644, owner, group and time zero.
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

//! Reads a bundle as a stream. Memory holds only the requested files, one block, and the decoder's
//! window.

use super::{ArchiveError, BLOCK_BYTES, canonical_entry};
use crate::limits::{BUNDLE_BYTES, CONTENT_BYTES, ENTRIES, EXPANSION_FREE_BYTES, EXPANSION_RATIO, ZSTD_WINDOW_LOG};
use crate::{Digest, EntryPath};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, ErrorKind, Read, Result as IoResult};
use zstd::stream::read::Decoder;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const CHUNK_BYTES: usize = 64 * 1024;

/// The contents of a bundle.
#[derive(Debug)]
pub(crate) struct Files {
    /// The SHA-256 digest of the compressed bytes.
    pub(crate) digest: Digest,
    /// The files' sizes in bytes, by path.
    pub(crate) sizes: BTreeMap<EntryPath, usize>,
    /// The bytes of the requested files.
    pub(crate) requested: BTreeMap<EntryPath, Vec<u8>>,
}

/// Reads an archive completely or refuses it.
///
/// Checks, in order:
/// 1. the compressed size;
/// 2. the magic number of a zstd frame;
/// 3. decoding within the limits: canonical headers, order, end marker;
/// 4. nothing after the frame.
pub(crate) fn read(
    source: impl Read,
    bundle_bytes: usize,
    is_requested: impl Fn(&EntryPath) -> bool,
) -> Result<Files, ArchiveError> {
    // 1.
    if bundle_bytes > BUNDLE_BYTES {
        return Err(ArchiveError::TooLarge { actual: bundle_bytes });
    }
    // 2. A skippable frame has another magic number.
    let mut source = Hashing::new(source.take(bundle_bytes as u64));
    let mut magic = [0; ZSTD_MAGIC.len()];
    if source.read_exact(&mut magic).is_err() || magic != ZSTD_MAGIC {
        return Err(ArchiveError::NotOneFrame);
    }
    // 3.
    let frame = BufReader::with_capacity(CHUNK_BYTES, (&magic[..]).chain(source));
    let mut decoder = Decoder::with_buffer(frame).map_err(ArchiveError::Frame)?.single_frame();
    decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(ArchiveError::Frame)?;
    let limit = CONTENT_BYTES.min(bundle_bytes.saturating_mul(EXPANSION_RATIO).max(EXPANSION_FREE_BYTES));
    let (sizes, requested) = entries(&mut Content::new(&mut decoder, limit), is_requested)?;
    // 4.
    let mut rest = decoder.finish();
    if !rest.fill_buf().map_err(ArchiveError::Frame)?.is_empty() {
        return Err(ArchiveError::NotOneFrame);
    }
    let (_, source) = rest.into_inner().into_inner();
    let digest = source.digest();
    Ok(Files {
        digest,
        sizes,
        requested,
    })
}

type Entries = (BTreeMap<EntryPath, usize>, BTreeMap<EntryPath, Vec<u8>>);

pub(super) fn entries<R: Read>(
    content: &mut Content<R>,
    is_requested: impl Fn(&EntryPath) -> bool,
) -> Result<Entries, ArchiveError> {
    let (mut sizes, mut requested, mut names) = (BTreeMap::new(), BTreeMap::new(), Names::default());
    loop {
        let header = content.block()?;
        if header.iter().all(|byte| *byte == 0) {
            return content.end().map(|()| (sizes, requested));
        }
        let index = sizes.len();
        if index == ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        let (path, size) = canonical_entry(&header, index)?;
        let in_order = sizes.last_key_value().is_none_or(|(last, _)| *last < path);
        if !in_order {
            return Err(ArchiveError::Order { path: path.to_string() });
        }
        names.insert(&path)?;
        let mut bytes = Vec::new();
        content.file(size, is_requested(&path).then_some(&mut bytes))?;
        if !content.padding(size)? {
            return Err(ArchiveError::NotCanonical { index });
        }
        if is_requested(&path) {
            requested.insert(path.clone(), bytes);
        }
        sizes.insert(path, size);
    }
}

/// The names of an archive's files. A path is either a file or a directory: `ui/a` and `ui/a/b`
/// exclude each other. Paths that differ only in case are the same name to some file systems.
#[derive(Default)]
pub(super) struct Names {
    files: BTreeSet<String>,
    directories: BTreeSet<String>,
}

impl Names {
    /// Adds a directory that has an entry of its own in an archive.
    pub(super) fn insert_directory(&mut self, path: &str) -> Result<(), ArchiveError> {
        let folded = path.to_ascii_lowercase();
        if self.files.contains(&folded) {
            return Err(ArchiveError::FileAndDirectory { path: folded });
        }
        self.directories.insert(folded);
        Ok(())
    }

    pub(super) fn insert(&mut self, path: &EntryPath) -> Result<(), ArchiveError> {
        let folded = path.folded();
        let parents = folded.match_indices('/').filter_map(|(end, _)| folded.get(..end));
        let parents: Vec<String> = parents.map(ToOwned::to_owned).collect();
        let file = parents.iter().find(|parent| self.files.contains(*parent));
        if let Some(path) = file.or_else(|| self.directories.get(&folded)) {
            return Err(ArchiveError::FileAndDirectory { path: path.clone() });
        }
        self.directories.extend(parents);
        if !self.files.insert(folded) {
            return Err(ArchiveError::Case { path: path.to_string() });
        }
        Ok(())
    }
}

/// The decoded archive, with a counter that enforces the size limit.
pub(super) struct Content<R> {
    source: R,
    limit: usize,
    consumed: usize,
}

impl<R: Read> Content<R> {
    pub(super) fn new(source: R, limit: usize) -> Self {
        Self {
            source,
            limit,
            consumed: 0,
        }
    }

    /// Reads until the buffer is full or the content ends. Returns the number of bytes read.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(ArchiveError::NotOneFrame),
                Err(error) => return Err(ArchiveError::Frame(error)),
            }
        }
        self.consumed += filled;
        if self.consumed > self.limit {
            return Err(ArchiveError::Expands { limit: self.limit });
        }
        Ok(filled)
    }

    fn block(&mut self) -> Result<[u8; BLOCK_BYTES], ArchiveError> {
        let mut block = [0; BLOCK_BYTES];
        match self.fill(&mut block)? {
            BLOCK_BYTES => Ok(block),
            _ => Err(ArchiveError::End),
        }
    }

    /// Reads a file's bytes, and stores them if requested. Memory grows with the bytes that arrive,
    /// not with the size that a header claims.
    fn file(&mut self, size: usize, mut destination: Option<&mut Vec<u8>>) -> Result<(), ArchiveError> {
        let mut chunk = vec![0; CHUNK_BYTES.min(size)];
        let mut left = size;
        while left > 0 {
            let part = chunk.get_mut(..left.min(CHUNK_BYTES)).unwrap_or_default();
            if self.fill(part)? != part.len() {
                return Err(ArchiveError::End);
            }
            left -= part.len();
            if let Some(destination) = &mut destination {
                destination.extend_from_slice(part);
            }
        }
        Ok(())
    }

    /// Returns whether the bytes from a file's end to the next block are zero.
    fn padding(&mut self, size: usize) -> Result<bool, ArchiveError> {
        let mut padding = [0; BLOCK_BYTES];
        let length = size.next_multiple_of(BLOCK_BYTES) - size;
        let padding = padding.get_mut(..length).unwrap_or_default();
        if self.fill(padding)? != length {
            return Err(ArchiveError::End);
        }
        Ok(padding.iter().all(|byte| *byte == 0))
    }

    /// Checks the end after one empty block: one more empty block, then nothing.
    fn end(&mut self) -> Result<(), ArchiveError> {
        let is_empty = self.block()?.iter().all(|byte| *byte == 0);
        if is_empty && self.fill(&mut [0])? == 0 {
            Ok(())
        } else {
            Err(ArchiveError::End)
        }
    }
}

/// A reader that hashes the bytes read through it.
struct Hashing<R> {
    source: R,
    hasher: Sha256,
}

impl<R: Read> Hashing<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            hasher: Sha256::new(),
        }
    }

    fn digest(self) -> Digest {
        Digest::from_hash(self.hasher.finalize().into())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let read = self.source.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

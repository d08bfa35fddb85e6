//! Archives that other programs packed. Their files are taken, and nothing else of them: whoever packs them anew makes a canonical bundle, and signs that.

use super::ArchiveError;
use crate::EntryPath;
use crate::limits::{CONTENT_BYTES, ENTRIES, ZSTD_WINDOW_LOG};
use std::collections::BTreeMap;
use std::io::Read;
use zstd::stream::read::Decoder;

/// The files of a `tar.zst` in whatever order, with folders and extensions. Links, devices and paths that no bundle may have are refused; of two files with one name, both.
///
/// # Errors
/// When it is not such an archive, or over a limit of bundles.
pub fn unpack_foreign(bytes: &[u8]) -> Result<BTreeMap<EntryPath, Vec<u8>>, ArchiveError> {
    let mut decoder = Decoder::with_buffer(bytes).map_err(ArchiveError::Frame)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(ArchiveError::Frame)?;
    let mut content = Vec::new();
    let most = CONTENT_BYTES as u64 + 1;
    decoder
        .take(most)
        .read_to_end(&mut content)
        .map_err(ArchiveError::Frame)?;
    if content.len() > CONTENT_BYTES {
        return Err(ArchiveError::Expands { limit: CONTENT_BYTES });
    }
    let mut files = BTreeMap::new();
    for (index, entry) in tar::Archive::new(content.as_slice())
        .entries()
        .map_err(ArchiveError::Frame)?
        .enumerate()
    {
        let mut entry = entry.map_err(ArchiveError::Frame)?;
        if index >= 2 * ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        match entry.header().entry_type() {
            tar::EntryType::Directory => continue,
            tar::EntryType::Regular | tar::EntryType::Continuous => {}
            _ => return Err(ArchiveError::NotCanonical { index }),
        }
        let path = path_of(&entry.path_bytes())?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(ArchiveError::Frame)?;
        if files.insert(path.clone(), bytes).is_some() {
            return Err(ArchiveError::Order { path: path.to_string() });
        }
    }
    Ok(files)
}

/// `./a/b` is what many programs write for `a/b`.
fn path_of(bytes: &[u8]) -> Result<EntryPath, ArchiveError> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix("./").unwrap_or(&text);
    text.parse().map_err(|source| ArchiveError::Path {
        path: text.escape_default().to_string(),
        source,
    })
}

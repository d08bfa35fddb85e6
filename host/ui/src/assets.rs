//! The files of one bundle that its page may load.

use crate::negotiate::Encoding;
use alga_bundle::{EntryPath, Manifest};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::{OnceCell, Semaphore};

/// Directory of a bundle whose files are served.
const DIRECTORY: &str = "ui/";
/// Sizes of files that are compressed: smaller ones become no smaller, and larger ones would occupy
/// a processor for seconds.
const COMPRESSED_BYTES: std::ops::RangeInclusive<usize> = 512..=8 * 1024 * 1024;
/// Types that are not compressed already.
const COMPRESSED_TYPES: [&str; 7] = [
    "text/",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/wasm",
    "application/xml",
    "image/svg+xml",
];
/// Levels between those for content that is compressed per request and the slowest ones: a copy is
/// made once and sent many times.
const BROTLI_QUALITY: u32 = 9;
const BROTLI_WINDOW: u32 = 22;
const ZSTD_LEVEL: i32 = 15;
/// Concurrent compressions of this process.
static COMPRESSIONS: Semaphore = Semaphore::const_new(2);

/// The files of one bundle below `ui/`, by their paths there.
pub(crate) struct Assets {
    files: HashMap<String, Arc<Asset>>,
    entry: Option<Arc<Asset>>,
    bytes: usize,
    generation: u64,
}

impl Assets {
    /// Accepts the files of a bundle that was verified by this generation of the trust policy.
    pub(crate) fn new(generation: u64, manifest: &Manifest, files: BTreeMap<EntryPath, Vec<u8>>) -> Self {
        let files = files.into_iter().filter_map(|(path, bytes)| {
            let path = path.as_str().strip_prefix(DIRECTORY)?.to_owned();
            let asset = Arc::new(Asset::new(&path, bytes.into()));
            Some((path, asset))
        });
        let files: HashMap<_, _> = files.collect();
        let entry = manifest.ui.as_ref().and_then(|ui| ui.entry.strip_prefix(DIRECTORY));
        Self {
            entry: entry.and_then(|entry| files.get(entry)).cloned(),
            bytes: files.values().map(|asset| asset.whole.bytes.len()).sum(),
            files,
            generation,
        }
    }

    /// Returns the generation of the trust policy by which the bundle was verified.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of all files, without their compressed copies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns a file. A route of the page is its entry, which reads the path itself.
    pub(crate) fn find(&self, path: &str) -> Option<&Arc<Asset>> {
        self.files
            .get(path)
            .or_else(|| self.entry.as_ref().filter(|_| is_route(path)))
    }
}

/// True for a path that a page may use as a route: readable segments, the last one without a file
/// extension, so that a missing script is not a page. Segments that some software reads as another
/// path are none: escaped percent signs, look-alikes of dots and slashes, `..;`.
fn is_route(path: &str) -> bool {
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return false;
    };
    let is_readable = |segment: &str| {
        let is_allowed = |character: char| character.is_alphanumeric() || "-_.~!$&'()*+,=:@ ".contains(character);
        segment.chars().any(char::is_alphanumeric) && segment.chars().all(is_allowed)
    };
    let path = path.strip_suffix('/').unwrap_or(&path);
    let last = path.rsplit('/').next().unwrap_or_default();
    path.is_empty() || (!last.contains('.') && path.split('/').all(is_readable))
}

/// A file with its compressed copies, which are made when a client first accepts them.
pub(crate) struct Asset {
    pub(crate) kind: HeaderValue,
    pub(crate) whole: Stored,
    copies: Option<[OnceCell<Option<Stored>>; 3]>,
}

/// A representation of a file.
pub(crate) struct Stored {
    pub(crate) bytes: Bytes,
    pub(crate) tag: HeaderValue,
    pub(crate) encoding: Option<Encoding>,
}

impl Asset {
    fn new(path: &str, bytes: Bytes) -> Self {
        let kind = mime_guess::from_path(path)
            .first_raw()
            .unwrap_or("application/octet-stream");
        let is_compressible = COMPRESSED_TYPES.iter().any(|prefix| kind.starts_with(prefix));
        let is_text = kind.starts_with("text/") || kind.ends_with("json") || kind.ends_with("javascript");
        let kind = match is_text {
            true => format!("{kind}; charset=utf-8"),
            false => kind.to_owned(),
        };
        let tag = format!("\"sha256-{}\"", hex::encode(Sha256::digest(&bytes)));
        Self {
            kind: value(kind),
            copies: (is_compressible && COMPRESSED_BYTES.contains(&bytes.len())).then(Default::default),
            whole: Stored {
                tag: value(tag),
                bytes,
                encoding: None,
            },
        }
    }

    /// True if representations differ by the encodings that a client accepts.
    pub(crate) fn varies(&self) -> bool {
        self.copies.is_some()
    }

    /// Returns the representation with the first of these encodings that makes the file smaller.
    pub(crate) async fn encoded(&self, accepted: impl Iterator<Item = Encoding>) -> &Stored {
        let Some(copies) = &self.copies else {
            return &self.whole;
        };
        for encoding in accepted {
            let made = copies.get(encoding as usize);
            if let Some(cell) = made
                && let Some(copy) = cell.get_or_init(|| self.copy(encoding)).await
            {
                return copy;
            }
        }
        &self.whole
    }

    /// Makes a compressed copy, unless it is not smaller.
    async fn copy(&self, encoding: Encoding) -> Option<Stored> {
        let permit = COMPRESSIONS.acquire().await.ok()?;
        let bytes = self.whole.bytes.clone();
        let compressed = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            compress(&bytes, encoding)
        });
        let bytes = compressed.await.ok()?.ok()?;
        let tag = self.whole.tag.to_str().unwrap_or_default().trim_end_matches('"');
        (bytes.len() < self.whole.bytes.len()).then(|| Stored {
            tag: value(format!("{tag}-{}\"", encoding.name())),
            bytes: bytes.into(),
            encoding: Some(encoding),
        })
    }
}

fn compress(bytes: &[u8], encoding: Encoding) -> io::Result<Vec<u8>> {
    match encoding {
        Encoding::Brotli => {
            let mut writer = brotli::CompressorWriter::new(Vec::new(), 4096, BROTLI_QUALITY, BROTLI_WINDOW);
            writer.write_all(bytes)?;
            writer.flush()?;
            Ok(writer.into_inner())
        }
        Encoding::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL),
        Encoding::Gzip => {
            let mut writer = GzEncoder::new(Vec::new(), Compression::best());
            writer.write_all(bytes)?;
            writer.finish()
        }
    }
}

/// Converts a type or a tag, all of whose characters are valid in a field.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(path: &str, bytes: usize) -> Asset {
        Asset::new(path, vec![b'a'; bytes].into())
    }

    #[test]
    fn files_of_512_bytes_to_8_mib_have_compressed_copies() {
        const MIB: usize = 1024 * 1024;
        for (path, bytes, varies) in [
            ("a.js", 511, false),
            ("a.js", 512, true),
            ("a.js", 8 * MIB, true),
            ("a.js", 8 * MIB + 1, false),
            ("a.png", 1024, false),
        ] {
            assert_eq!(asset(path, bytes).varies(), varies, "{path}: {bytes}");
        }
    }
}

//! Archives that other programs packed. Only their files are used: packing the files again makes a
//! canonical bundle, and that bundle is signed.
//!
//! An archive that two programs unpack differently is refused, because the content that an author
//! saw must be the content that is signed. So every header, every extension (POSIX.1-2001 pax, GNU
//! long names) and every record in them must be one that programs are known to read alike.

use super::read::Names;
use super::{ArchiveError, BLOCK_BYTES};
use crate::EntryPath;
use crate::limits::{CONTENT_BYTES, ENTRIES, ZSTD_WINDOW_LOG};
use std::collections::BTreeMap;
use std::io::Read;
use tar::{Entry, EntryType, Header};
use zstd::stream::read::Decoder;

/// Keys of pax records that do not affect a file's name, size or bytes.
const METADATA: [&str; 9] = [
    "atime",
    "comment",
    "ctime",
    "gid",
    "gname",
    "mtime",
    "uid",
    "uname",
    "LIBARCHIVE.creationtime",
];
/// Prefixes of such keys: extended attributes and access control lists.
const METADATA_PREFIXES: [&str; 4] = ["LIBARCHIVE.xattr.", "RHT.security.", "SCHILY.acl.", "SCHILY.xattr."];

/// Unpacks the files of a `tar.zst` in any order, with directories and extension headers. Refuses
/// links, devices, sparse files, paths that no bundle may have, and everything that two programs
/// could read differently.
///
/// # Errors
/// Returns [`ArchiveError`] if the bytes are not such an archive, or exceed a limit of bundles.
pub fn unpack_foreign(bytes: &[u8]) -> Result<BTreeMap<EntryPath, Vec<u8>>, ArchiveError> {
    let content = decompress(bytes)?;
    let mut archive = tar::Archive::new(content.as_slice());
    let (mut files, mut names) = (BTreeMap::new(), Names::default());
    let (mut extension, mut end) = (Extension::default(), 0);
    // Raw: the library would apply extension headers itself, and skip those it does not understand.
    for (index, entry) in archive.entries().map_err(ArchiveError::Frame)?.raw(true).enumerate() {
        let mut entry = entry.map_err(ArchiveError::Frame)?;
        if index >= 2 * ENTRIES {
            return Err(ArchiveError::TooManyEntries);
        }
        let refused = |reason: String| ArchiveError::Ambiguous { index, reason };
        let size = plain_header(entry.header()).map_err(|reason| refused(reason.to_owned()))?;
        end = entry
            .raw_file_position()
            .saturating_add(size.next_multiple_of(BLOCK_BYTES as u64));
        match entry.header().entry_type() {
            EntryType::Directory => {
                let extension = std::mem::take(&mut extension);
                directory(&extension, size).map_err(refused)?;
                let header = entry.header().path_bytes();
                let name = String::from_utf8_lossy(extension.path.as_deref().unwrap_or(&header)).into_owned();
                names.insert_directory(name.trim_start_matches("./").trim_end_matches('/'))?;
            }
            EntryType::Regular | EntryType::Continuous => {
                let extension = std::mem::take(&mut extension);
                let (path, bytes) = file(&mut entry, &extension, size, index)?;
                names.insert(&path)?;
                files.insert(path, bytes);
            }
            kind => extension.read(kind, &mut entry).map_err(refused)?,
        }
    }
    if !extension.is_empty() {
        return Err(ArchiveError::End);
    }
    let rest = usize::try_from(end).ok().and_then(|end| content.get(end..));
    if !rest.is_some_and(|rest| rest.iter().all(|byte| *byte == 0)) {
        return Err(ArchiveError::End);
    }
    Ok(files)
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, ArchiveError> {
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
    Ok(content)
}

/// Returns the size that a header declares, if every program reads the header alike.
fn plain_header(header: &Header) -> Result<u64, &'static str> {
    let old = header.as_old();
    let digits = old
        .size
        .split(|byte| matches!(byte, 0 | b' '))
        .next()
        .unwrap_or_default();
    let rest = old.size.get(digits.len()..).unwrap_or_default();
    let is_plain = !digits.is_empty()
        && digits.iter().all(|byte| (b'0'..=b'7').contains(byte))
        && rest.iter().all(|byte| matches!(byte, 0 | b' '));
    if !is_plain {
        return Err("its size is not written in plain octal digits");
    }
    // Some programs read these bytes as ustar's name prefix, though older formats store other data
    // there.
    let has_prefix_area = header
        .as_bytes()
        .get(345..500)
        .is_some_and(|area| area.iter().any(|byte| *byte != 0));
    if header.as_ustar().is_none() && has_prefix_area {
        return Err("its header is not ustar and has data in the field of ustar's name prefix");
    }
    header.entry_size().map_err(|_| "its size cannot be read")
}

/// The fields that extension headers set for the file that follows.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    was_read: bool,
}

impl Extension {
    fn is_empty(&self) -> bool {
        !self.was_read
    }

    fn read(&mut self, kind: EntryType, entry: &mut Entry<'_, &[u8]>) -> Result<(), String> {
        let mut body = Vec::new();
        entry.read_to_end(&mut body).map_err(|error| error.to_string())?;
        if kind == EntryType::XGlobalHeader {
            let other = records(&body)?.into_iter().find(|(key, _)| *key != "comment");
            return other.map_or(Ok(()), |(key, _)| {
                Err(format!("a global pax header sets `{}`", key.escape_default()))
            });
        }
        if self.was_read {
            return Err("two extension headers precede one file; programs differ in which one applies".to_owned());
        }
        self.was_read = true;
        match kind {
            EntryType::GNULongName => {
                let name = body.split(|byte| *byte == 0).next().unwrap_or_default();
                self.path = Some(name.to_vec());
                Ok(())
            }
            EntryType::XHeader => self.read_records(&body),
            EntryType::GNUSparse => Err("it is a sparse file".to_owned()),
            EntryType::Symlink | EntryType::Link | EntryType::GNULongLink => {
                Err("it is a link; a bundle has no links, copy the file".to_owned())
            }
            other => Err(format!(
                "it is neither a file nor a directory (type `{}`)",
                char::from(other.as_byte()).escape_default()
            )),
        }
    }

    fn read_records(&mut self, body: &[u8]) -> Result<(), String> {
        for (key, value) in records(body)? {
            let is_repeated = match key {
                "path" => self.path.replace(value.to_vec()).is_some(),
                "size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    self.size
                        .replace(size.ok_or("the pax record `size` is not a number")?)
                        .is_some()
                }
                key if METADATA.contains(&key) || METADATA_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) => {
                    false
                }
                key if key.starts_with("GNU.sparse.") || key == "SCHILY.realsize" => {
                    return Err(format!(
                        "the pax record `{}` makes it a sparse file, which programs unpack differently",
                        key.escape_default()
                    ));
                }
                key => {
                    return Err(format!(
                        "the pax record `{}` is not supported by all programs",
                        key.escape_default()
                    ));
                }
            };
            if is_repeated {
                return Err(format!("duplicate pax record `{key}`"));
            }
        }
        Ok(())
    }
}

/// Parses the records of a pax header: `<length> <key>=<value>\n`, where the length counts the
/// whole record (POSIX.1-2001, pax, Extended Header).
fn records(body: &[u8]) -> Result<Vec<(&str, &[u8])>, String> {
    let malformed = || "a pax record does not have the length that it declares".to_owned();
    let (mut rest, mut records) = (body, Vec::new());
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let digits = rest.get(..space).unwrap_or_default();
        let length = std::str::from_utf8(digits)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let length: usize = length.and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
        let record = rest
            .get(space + 1..length)
            .and_then(|record| record.strip_suffix(b"\n"))
            .ok_or_else(malformed)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
        let (key, value) = record.split_at(equals);
        let key = std::str::from_utf8(key).map_err(|_| "the key of a pax record is not UTF-8".to_owned())?;
        records.push((key, value.get(1..).unwrap_or_default()));
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(records)
}

/// Checks a directory entry, which only carries a name that its files' paths contain as well. Some
/// programs read no bytes after its header, whatever size it declares, and others do.
fn directory(extension: &Extension, size: u64) -> Result<(), String> {
    if size != 0 || extension.size.is_some_and(|declared| declared != 0) {
        return Err("it is a directory and declares a size, which only some programs honor".to_owned());
    }
    Ok(())
}

fn file(
    entry: &mut Entry<'_, &[u8]>,
    extension: &Extension,
    size: u64,
    index: usize,
) -> Result<(EntryPath, Vec<u8>), ArchiveError> {
    if extension.size.is_some_and(|declared| declared != size) {
        return Err(ArchiveError::Ambiguous {
            index,
            reason: "its pax header and its own header declare two sizes".to_owned(),
        });
    }
    // Some programs treat such a file as a directory, by the name in its own header, and read none
    // of its bytes.
    if entry.header().path_bytes().ends_with(b"/") {
        return Err(ArchiveError::Ambiguous {
            index,
            reason: "its own header names a directory and its type is a file".to_owned(),
        });
    }
    let path = match &extension.path {
        Some(path) => path_of(path)?,
        None => path_of(&entry.header().path_bytes())?,
    };
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(ArchiveError::Frame)?;
    if bytes.len() as u64 != size {
        return Err(ArchiveError::End);
    }
    Ok((path, bytes))
}

/// Parses a path. Many programs write `./a/b` for `a/b`.
fn path_of(bytes: &[u8]) -> Result<EntryPath, ArchiveError> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix("./").unwrap_or(&text);
    text.parse().map_err(|source| ArchiveError::Path {
        path: text.escape_default().to_string(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds an archive of one file `dist/main.wasm`, with these headers before it.
    fn archive(before: &[(EntryType, &[u8])], bend: impl Fn(&mut Header)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (kind, body) in before {
            let mut header = Header::new_ustar();
            header.set_path("PaxHeaders/x").unwrap();
            header.set_entry_type(*kind);
            header.set_size(body.len() as u64);
            header.set_cksum();
            builder.append(&header, *body).unwrap();
        }
        let mut header = Header::new_ustar();
        header.set_path("dist/main.wasm").unwrap();
        header.set_size(4);
        header.set_mode(0o600);
        bend(&mut header);
        header.set_cksum();
        builder.append(&header, &b"code"[..]).unwrap();
        builder.into_inner().unwrap()
    }

    fn unpacked(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
        let packed = zstd::encode_all(archive, 1).unwrap();
        let files = unpack_foreign(&packed).map_err(|error| error.to_string())?;
        Ok(files
            .into_iter()
            .map(|(path, bytes)| (path.to_string(), bytes))
            .collect())
    }

    #[test]
    fn unambiguous_foreign_archives_are_accepted() {
        let code = || vec![("dist/main.wasm".to_owned(), b"code".to_vec())];
        assert_eq!(unpacked(&archive(&[], |_| ())), Ok(code()));
        let pax: &[u8] = b"30 mtime=1350244992.023960108\n27 SCHILY.xattr.user.a=b\xff\n\n";
        assert_eq!(unpacked(&archive(&[(EntryType::XHeader, pax)], |_| ())), Ok(code()));
        let git: &[u8] = b"15 comment=abc\n";
        assert_eq!(
            unpacked(&archive(&[(EntryType::XGlobalHeader, git)], |_| ())),
            Ok(code())
        );
        let renamed = unpacked(&archive(&[(EntryType::XHeader, b"13 path=ui/a\n")], |_| ()));
        assert_eq!(renamed, Ok(vec![("ui/a".to_owned(), b"code".to_vec())]));
        let long = unpacked(&archive(&[(EntryType::GNULongName, b"ui/b\0")], |_| ()));
        assert_eq!(long, Ok(vec![("ui/b".to_owned(), b"code".to_vec())]));
    }

    #[test]
    fn ambiguous_foreign_archives_are_refused_with_the_reason() {
        let pax = |records: &'static [u8]| archive(&[(EntryType::XHeader, records)], |_| ());
        for (what, archive, reason) in [
            ("sparse 0.0", pax(b"22 GNU.sparse.size=20\n"), "sparse"),
            ("sparse 0.1", pax(b"28 GNU.sparse.map=0,1,10,11\n"), "sparse"),
            ("sparse 1.0", pax(b"29 GNU.sparse.name=dist/othr\n"), "sparse"),
            ("star's sparse", pax(b"21 SCHILY.realsize=9\n"), "sparse"),
            ("a length that is too short", pax(b"12 path=ui/a\n"), "length"),
            ("a length that is too long", pax(b"99 path=ui/a\n"), "length"),
            ("a signed length", pax(b"+13 path=ui/a\n"), "length"),
            ("no key", pax(b"7 path\n"), "length"),
            ("a key twice", pax(b"13 path=ui/a\n13 path=ui/b\n"), "duplicate"),
            ("another size", pax(b"9 size=3\n"), "two sizes"),
            (
                "a character set",
                pax(b"21 hdrcharset=BINARY\n"),
                "not supported by all programs",
            ),
            (
                "a name for all files",
                archive(&[(EntryType::XGlobalHeader, b"13 path=ui/a\n")], |_| ()),
                "global pax header",
            ),
            (
                "two headers",
                archive(
                    &[
                        (EntryType::XHeader, b"13 path=ui/a\n"),
                        (EntryType::GNULongName, b"ui/b\0"),
                    ],
                    |_| (),
                ),
                "two extension headers",
            ),
        ] {
            let error = unpacked(&archive).unwrap_err();
            assert!(error.contains(reason), "{what}: {error}");
        }
    }

    #[test]
    fn ambiguous_tar_headers_are_refused_with_the_reason() {
        for (what, archive, reason) in [
            (
                "GNU's sparse type",
                archive(&[], |header| header.set_entry_type(EntryType::GNUSparse)),
                "sparse",
            ),
            (
                "a link",
                archive(&[], |header| header.set_entry_type(EntryType::Symlink)),
                "link",
            ),
            (
                "a device",
                archive(&[], |header| header.set_entry_type(EntryType::Char)),
                "neither a file",
            ),
            (
                "a directory with bytes",
                archive(&[], |header| header.set_entry_type(EntryType::Directory)),
                "declares a size",
            ),
            (
                "a file that an old header names a directory",
                archive(&[(EntryType::XHeader, b"13 path=ui/a\n")], |header| {
                    header.as_old_mut().name[..5].copy_from_slice(b"dir/\0");
                }),
                "names a directory",
            ),
            (
                "a size in base 256",
                archive(&[], |header| {
                    header.as_old_mut().size = *b"\x80\0\0\0\0\0\0\0\0\0\0\x04";
                }),
                "octal",
            ),
            (
                "a name's beginning in an old header",
                archive(&[], |header| {
                    header.as_mut_bytes()[257..265].copy_from_slice(b"ustar  \0");
                    header.as_mut_bytes()[345] = b'x';
                }),
                "name prefix",
            ),
        ] {
            let error = unpacked(&archive).unwrap_err();
            assert!(error.contains(reason), "{what}: {error}");
        }
    }

    #[test]
    fn data_after_the_end_of_a_foreign_archive_is_refused() {
        let mut twice = archive(&[], |_| ());
        twice.extend(archive(&[], |_| ()));
        assert!(unpacked(&twice).unwrap_err().contains("end"));
    }
}

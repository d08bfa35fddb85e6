//! Hostile archives (each refused whole), and the property that makes the reader safe: accepted
//! means canonical.

use super::read::{Content, entries};
use super::*;
use proptest::prelude::*;

fn files(entries: &[(&str, &[u8])]) -> BTreeMap<EntryPath, Vec<u8>> {
    entries
        .iter()
        .map(|(path, bytes)| (path.parse().unwrap(), bytes.to_vec()))
        .collect()
}

fn plain(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let packed = pack(&files(entries)).unwrap();
    decompressed(&packed)
}

fn decompressed(packed: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(packed).unwrap()
}

/// Reads an archive that is not compressed.
fn plain_read(archive: &[u8]) -> Result<BTreeMap<EntryPath, Vec<u8>>, ArchiveError> {
    entries(&mut Content::new(archive, usize::MAX), |_| true).map(|(_, requested)| requested)
}

/// Compresses an archive after some hostile change, and returns the error of unpacking it.
fn refused(archive: &[u8]) -> ArchiveError {
    unpack(&compress(QUICK_ZSTD_LEVEL, archive).unwrap())
        .map(|_| ())
        .unwrap_err()
}

/// Returns an archive with a manipulated header of its one entry.
fn with_header(change: impl FnOnce(&mut tar::Header)) -> Vec<u8> {
    let mut archive = plain(&[("a.txt", b"hello")]);
    let header: &mut [u8; BLOCK_BYTES] = archive.first_chunk_mut().unwrap();
    let mut changed = tar::Header::from_byte_slice(header).clone();
    change(&mut changed);
    changed.set_cksum();
    *header = *changed.as_bytes();
    archive
}

#[test]
fn packing_twice_gives_the_same_bytes_and_reads_back() {
    let input = files(&[("manifest.json", b"{}"), ("ui/index.html", b"<p>"), ("empty", b"")]);
    let packed = pack(&input).unwrap();
    assert_eq!(packed, pack(&input).unwrap());
    for packed in [packed, pack_quickly(&input).unwrap()] {
        assert_eq!(unpack(&packed).unwrap(), input);
    }
}

#[test]
fn every_entry_type_but_a_regular_file_is_refused() {
    for kind in [
        b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'g', b'x', b'L', b'K', b'S', b'Z', 0,
    ] {
        let archive = with_header(|header| header.as_mut_bytes()[156] = kind);
        assert!(
            matches!(refused(&archive), ArchiveError::NotCanonical { index: 0 }),
            "{kind}"
        );
    }
}

#[test]
fn metadata_that_packing_does_not_write_is_refused() {
    let changes: [fn(&mut tar::Header); 5] = [
        |header| header.set_mode(0o4755),
        |header| header.set_uid(1),
        |header| header.set_mtime(1),
        |header| header.as_ustar_mut().unwrap().set_username("root").unwrap(),
        |header| header.as_ustar_mut().unwrap().linkname[0] = b'x',
    ];
    for change in changes {
        assert!(matches!(
            refused(&with_header(change)),
            ArchiveError::NotCanonical { .. }
        ));
    }
    let gnu = with_header(|header| {
        let mut other = tar::Header::new_gnu();
        other.set_path("a.txt").unwrap();
        other.set_size(5);
        *header = other;
    });
    assert!(matches!(refused(&gnu), ArchiveError::NotCanonical { .. }));
}

#[test]
fn traversal_spellings_are_refused() {
    for path in [
        "../x",
        "/abs",
        "a/../../x",
        "./a",
        "a//b",
        "a/",
        "C:\\x",
        "a\\b",
        "\u{202e}a",
    ] {
        let archive = with_header(|header| {
            header.as_mut_bytes()[..100].fill(0);
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        });
        assert!(matches!(refused(&archive), ArchiveError::Path { .. }), "{path}");
    }
}

#[test]
fn duplicates_case_collisions_and_disorder_are_refused() {
    let one = |path: &str| {
        let archive = plain(&[(path, b"x")]);
        archive[..2 * BLOCK_BYTES].to_vec()
    };
    let refused = |pair: [&str; 2]| {
        let mut archive = [one(pair[0]), one(pair[1])].concat();
        archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
        refused(&archive)
    };
    for pair in [["a", "a"], ["b", "a"]] {
        assert!(matches!(refused(pair), ArchiveError::Order { .. }), "{pair:?}");
    }
    assert!(matches!(refused(["UI", "ui"]), ArchiveError::Case { .. }));
}

#[test]
fn anything_but_two_empty_blocks_at_the_end_is_refused() {
    let good = plain(&[("a", b"x")]);
    let missing = &good[..good.len() - BLOCK_BYTES];
    let trailing = [&good[..], &[0; BLOCK_BYTES]].concat();
    let hidden = [&good[..], &good[..]].concat();
    for archive in [missing, &trailing, &hidden, &good[..BLOCK_BYTES], &[]] {
        assert!(matches!(refused(archive), ArchiveError::End), "{} bytes", archive.len());
    }
}

#[test]
fn data_between_a_file_and_its_next_block_is_refused() {
    let mut archive = plain(&[("a", b"x")]);
    archive[BLOCK_BYTES + 7] = 1;
    assert!(matches!(refused(&archive), ArchiveError::NotCanonical { .. }));
}

#[test]
fn a_size_beyond_the_end_is_refused() {
    for size in [6 * 1024, u64::from(u32::MAX), 0o777_7777_7777] {
        assert!(
            matches!(refused(&with_header(|header| header.set_size(size))), ArchiveError::End),
            "{size}"
        );
    }
}

#[test]
fn two_frames_skippable_frames_and_trailing_bytes_are_refused() {
    let good = pack(&files(&[("a", b"x")])).unwrap();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0][..], &good].concat();
    let twice = [&good[..], &good].concat();
    let trailing = [&good[..], b"x"].concat();
    for bundle in [
        &skippable[..],
        &twice,
        &trailing,
        &good[..good.len() - 1],
        b"",
        b"PK\x03\x04",
    ] {
        assert!(matches!(unpack(bundle), Err(ArchiveError::NotOneFrame)));
    }
}

#[test]
fn a_decompression_bomb_stops_at_the_limit() {
    let size = 48 * 1024 * 1024;
    let mut archive = canonical_header(&"zeros".parse().unwrap(), size).unwrap().to_vec();
    archive.resize(archive.len() + size + 2 * BLOCK_BYTES, 0);
    let bomb = compress(ZSTD_LEVEL, &archive).unwrap();
    assert!(bomb.len() < 64 * 1024);
    assert!(matches!(unpack(&bomb), Err(ArchiveError::Expands { .. })));
}

#[test]
fn a_frame_that_wants_a_larger_window_is_refused() {
    let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
    compressor.set_parameter(zstd_safe::CParameter::WindowLog(27)).unwrap();
    compressor
        .set_parameter(zstd_safe::CParameter::ContentSizeFlag(false))
        .unwrap();
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(9 * 1024 * 1024)
    .collect();
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.set_parameter(zstd_safe::CParameter::WindowLog(27)).unwrap();
    io::Write::write_all(&mut encoder, &noise).unwrap();
    let large_window = encoder.finish().unwrap();
    assert!(matches!(unpack(&large_window), Err(ArchiveError::Frame(_))));
}

#[test]
fn too_many_files_are_refused() {
    let archive: Vec<u8> = (0..=ENTRIES)
        .flat_map(|number| canonical_header(&format!("{number:05}").parse().unwrap(), 0).unwrap())
        .chain([0; 2 * BLOCK_BYTES])
        .collect();
    assert!(matches!(plain_read(&archive), Err(ArchiveError::TooManyEntries)));
}

proptest! {
    /// Accepted means canonical: whatever bytes are changed, an accepted archive packs back to
    /// itself.
    #[test]
    fn repacking_an_accepted_archive_gives_the_same_bytes(
        changes in proptest::collection::vec((0_usize..2560, any::<u8>()), 0..4),
    ) {
        let mut archive = plain(&[("a/b.txt", b"hello"), ("c", &[7; 600])]);
        for (position, byte) in changes {
            if let Some(slot) = archive.get_mut(position) {
                *slot = byte;
            }
        }
        if let Ok(files) = plain_read(&archive) {
            prop_assert_eq!(decompressed(&pack(&files).unwrap()), archive);
        }
    }
}

#[test]
fn a_path_cannot_be_both_a_file_and_a_directory() {
    let pack_two = |one: &str, other: &str| {
        let files = [one, other].map(|path| (path.parse().unwrap(), b"x".to_vec()));
        pack(&files.into_iter().collect())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(pack_two("ui/a", "ui/a.b"), Ok(()));
    for (one, other) in [("ui/a", "ui/a/b"), ("ui", "ui/a/b"), ("UI/a/b", "ui"), ("Ui", "uI/a")] {
        let error = pack_two(one, other).unwrap_err();
        assert!(error.contains("is a file and a directory"), "{one} {other}: {error}");
    }
}

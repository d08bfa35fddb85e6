//! Journal of what executes at this moment, which survives a crash of the process: the next process
//! reads from it what may have caused the crash.
//!
//! The file is mapped, so that a poll of a guest is marked by adding to a number in memory. The
//! kernel writes the pages of a process that has died. After the machine has lost its power, the
//! pages are of some earlier moment: a journal of another boot is no evidence.

use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags, fallocate, flock, open};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Components that can be marked at the same time: more than memory has capacity for, so that no
/// number of small ones leaves others without a mark.
const ENTRIES: usize = 65_536;
/// Words of an entry: eight of the SHA-256 digest, polls in progress, and panics.
const WORDS: usize = 10;
const DIGEST_WORDS: usize = 8;
/// Words before the entries: four of the id of the boot, and unused ones.
const HEADER_WORDS: usize = 16;
const BOOT_WORDS: usize = 4;
const ALL_WORDS: usize = HEADER_WORDS + ENTRIES * WORDS;
const FILE_BYTES: usize = ALL_WORDS * size_of::<u32>();
/// Maximum number of processes that share a directory.
const PROCESSES: usize = 64;

/// The journal of this process.
#[derive(Debug)]
pub struct CrashJournal {
    words: &'static [AtomicU32],
    free: Mutex<FreePlaces>,
    file: Option<OwnedFd>,
}

impl Drop for CrashJournal {
    fn drop(&mut self) {
        unlock(self.file.as_ref());
    }
}

/// Unlocks a file. Closing it does not, because its mapping stays.
fn unlock(file: Option<&OwnedFd>) {
    if let Some(file) = file {
        flock(file, FlockOperation::Unlock).ok();
    }
}

#[derive(Debug, Default)]
struct FreePlaces {
    returned: Vec<usize>,
    /// Places from here on have not been used.
    next: usize,
}

/// Digests of what earlier processes of a host were executing when they died. It is there until it
/// is cleared.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Guests that ran at that moment in any of those processes: each may be the cause.
    pub executing: BTreeSet<[u8; 32]>,
    /// Guests during whose execution the host panicked.
    pub panicked: BTreeSet<[u8; 32]>,
    journals: Vec<(&'static [AtomicU32], Option<OwnedFd>)>,
}

impl Evidence {
    /// True if no earlier process died while it executed something.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.executing.is_empty() && self.panicked.is_empty()
    }

    /// Clears the journals, when what they contain was counted.
    pub fn clear(self) {
        for (words, _) in &self.journals {
            words
                .iter()
                .skip(HEADER_WORDS)
                .for_each(|word| word.store(0, Ordering::Relaxed));
        }
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        self.journals.iter().for_each(|(_, file)| unlock(file.as_ref()));
    }
}

impl CrashJournal {
    /// Opens a journal in this directory that no living process uses. Also returns what those of
    /// dead processes contain, which has to be cleared before anything is marked.
    ///
    /// # Errors
    /// Returns the operating system's error, also if the disk is full: a mapping of a file without
    /// its blocks would kill the process when it is written to.
    pub fn open(directory: &Path) -> io::Result<(Arc<Self>, Evidence)> {
        let (mut own, mut evidence) = (None, Evidence::default());
        let boot = boot_id();
        for number in 0..PROCESSES {
            let path = directory.join(format!("executing-{number}"));
            // Beyond the first free one, only files that are there may be of dead processes.
            if own.is_some() && !path.exists() {
                break;
            }
            let Some(file) = lock(path)? else {
                continue;
            };
            let words = map(&file)?;
            read(words, boot, &mut evidence);
            let file = if own.is_none() {
                own = Some((file, words));
                None
            } else {
                Some(file)
            };
            evidence.journals.push((words, file));
        }
        let (file, words) = own.ok_or_else(|| io::Error::other("more than 64 processes use this directory"))?;
        Ok((Self::of(words, Some(file)), evidence))
    }

    /// Returns a journal in memory, which does not survive a crash. It is never freed.
    #[must_use]
    pub fn in_memory() -> Arc<Self> {
        let words: Vec<AtomicU32> = (0..ALL_WORDS).map(|_| AtomicU32::new(0)).collect();
        Self::of(words.leak(), None)
    }

    fn of(words: &'static [AtomicU32], file: Option<OwnedFd>) -> Arc<Self> {
        Arc::new(Self {
            words,
            free: Mutex::default(),
            file,
        })
    }

    /// Returns the entry of a component. Without a free one, its executions are not marked.
    #[must_use]
    pub fn entry(self: &Arc<Self>, digest: &[u8; 32]) -> JournalEntry {
        let place = self.places().pop();
        let words = place.and_then(|place| self.words_of(place)).unwrap_or_default();
        for (word, bytes) in words.iter().zip(digest.as_chunks().0) {
            word.store(u32::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        JournalEntry {
            journal: Arc::clone(self),
            place,
            words,
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, FreePlaces> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn words_of(&self, place: usize) -> Option<&'static [AtomicU32]> {
        let first = place.checked_mul(WORDS)?.checked_add(HEADER_WORDS)?;
        self.words.get(first..first.checked_add(WORDS)?)
    }
}

impl FreePlaces {
    fn pop(&mut self) -> Option<usize> {
        self.returned.pop().or_else(|| {
            let place = self.next;
            self.next += usize::from(place < ENTRIES);
            (place < ENTRIES).then_some(place)
        })
    }
}

/// Place of a component in the journal.
#[derive(Debug)]
pub struct JournalEntry {
    journal: Arc<CrashJournal>,
    place: Option<usize>,
    words: &'static [AtomicU32],
}

impl JournalEntry {
    /// Marks that the component is used, until the result is dropped.
    #[must_use]
    pub fn mark(&self) -> Mark<'_> {
        if let Some(polls) = self.words.get(DIGEST_WORDS) {
            polls.fetch_add(1, Ordering::Relaxed);
        }
        Mark(self)
    }

    /// Notes that the host panicked while it executed the component. It remains when the process
    /// ends.
    pub fn panicked(&self) {
        if let Some(panics) = self.words.get(DIGEST_WORDS + 1) {
            panics.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for JournalEntry {
    fn drop(&mut self) {
        let has_panicked = |words: &[AtomicU32]| {
            let panics = words.get(DIGEST_WORDS + 1);
            panics.is_some_and(|panics| panics.load(Ordering::Relaxed) > 0)
        };
        if let Some(place) = self.place.filter(|_| !has_panicked(self.words)) {
            self.journal.places().returned.push(place);
        }
    }
}

/// A component that is used at this moment.
#[derive(Debug)]
pub struct Mark<'a>(&'a JournalEntry);

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        if let Some(polls) = self.0.words.get(DIGEST_WORDS) {
            polls.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Returns the id of this boot of the machine; zeros if it is unknown, for which a crash is one of
/// this boot.
fn boot_id() -> [u32; BOOT_WORDS] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    std::array::from_fn(|word| {
        let digits = digits.get(word * 8..word * 8 + 8).unwrap_or_default();
        u32::from_str_radix(digits, 16).unwrap_or(0)
    })
}

/// Opens and locks a file; `None` if another process has locked it.
fn lock(path: PathBuf) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(path, flags, Mode::RUSR | Mode::WUSR)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn map(file: &OwnedFd) -> io::Result<&'static [AtomicU32]> {
    fallocate(file, FallocateFlags::empty(), 0, FILE_BYTES as u64)?;
    #[expect(
        unsafe_code,
        reason = "only a mapping survives a crash without a system call per execution"
    )]
    // SAFETY: The kernel chooses an address where nothing else is, and the mapping is never
    // removed, so its memory is valid for the rest of the process: `FILE_BYTES` bytes, which the
    // file has. It is aligned to a page and initialized by the file. All access is by atomic
    // operations, and the file is locked: other processes of this platform do not map it while it
    // is used here.
    let words = unsafe {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let address = mmap(ptr::null_mut(), FILE_BYTES, protection, MapFlags::SHARED, file, 0)?;
        slice::from_raw_parts(address.cast::<AtomicU32>(), ALL_WORDS)
    };
    Ok(words)
}

/// Adds what a journal contains to the evidence, and makes it one of this boot.
fn read(words: &[AtomicU32], boot: [u32; BOOT_WORDS], evidence: &mut Evidence) {
    let (header, entries) = words.split_at(HEADER_WORDS.min(words.len()));
    let written = header
        .iter()
        .zip(boot)
        .map(|(word, boot)| word.swap(boot, Ordering::Relaxed));
    let is_of_this_boot = written.collect::<Vec<_>>() == boot;
    for entry in entries.chunks_exact(WORDS) {
        let (digest, numbers) = entry.split_at(DIGEST_WORDS);
        let number = |place: usize| numbers.get(place).map_or(0, |word| word.load(Ordering::Relaxed));
        let (polls, panics) = (number(0), number(1));
        if polls == 0 && panics == 0 {
            continue;
        }
        let mut bytes = [0; 32];
        for (into, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(digest) {
            *into = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        if polls > 0 && is_of_this_boot {
            evidence.executing.insert(bytes);
        }
        if panics > 0 {
            evidence.panicked.insert(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(directory: &Path) -> (Arc<CrashJournal>, Vec<u8>, Vec<u8>) {
        let (journal, evidence) = CrashJournal::open(directory).unwrap();
        let first = |digests: &BTreeSet<[u8; 32]>| digests.iter().map(|digest| digest[0]).collect();
        let found = (first(&evidence.executing), first(&evidence.panicked));
        (journal, found.0, found.1)
    }

    #[test]
    fn what_executes_when_a_process_dies_is_known_to_the_next_one_until_it_is_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, cleared) = CrashJournal::open(directory.path()).unwrap();
        assert!(cleared.is_empty());
        cleared.clear();
        let [one, two, three] = [1, 2, 3].map(|number| journal.entry(&[number; 32]));
        drop(one.mark());
        three.panicked();
        // The process dies while it polls: nothing ends.
        std::mem::forget([two.mark(), two.mark()]);
        let (other, executing, panicked) = evidence(directory.path());
        assert_eq!((executing, panicked), (vec![], vec![]), "the first process lives");
        let of_other = other.entry(&[4; 32]);
        std::mem::forget(of_other.mark());
        drop((one, two, three, journal));
        drop((of_other, other));
        for _ in 0..2 {
            let (_journal, executing, panicked) = evidence(directory.path());
            assert_eq!((executing, panicked), (vec![2, 4], vec![3]), "one crash of the host");
        }
        CrashJournal::open(directory.path()).unwrap().1.clear();
        let (_journal, executing, panicked) = evidence(directory.path());
        assert_eq!((executing, panicked), (vec![], vec![]));
    }

    #[test]
    fn what_a_machine_that_lost_its_power_was_executing_is_no_evidence() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = CrashJournal::open(directory.path()).unwrap();
        let entry = journal.entry(&[1; 32]);
        std::mem::forget(entry.mark());
        journal.words[0].fetch_xor(1, Ordering::Relaxed);
        drop((entry, journal));
        assert!(CrashJournal::open(directory.path()).unwrap().1.is_empty());
    }

    #[test]
    fn so_many_processes_share_a_directory_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let open = |_| CrashJournal::open(directory.path()).map(|(journal, _)| journal);
        let mut all = (0..PROCESSES).map(open).collect::<io::Result<Vec<_>>>().unwrap();
        let refused = CrashJournal::open(directory.path()).err().unwrap();
        assert!(refused.to_string().contains("64 processes"), "{refused}");
        all.pop();
        assert!(CrashJournal::open(directory.path()).is_ok());
    }

    #[test]
    fn entries_are_used_again_and_more_components_than_there_are_entries_run_without() {
        let journal = CrashJournal::in_memory();
        let all: Vec<_> = (0..=ENTRIES).map(|_| journal.entry(&[7; 32])).collect();
        let marks: Vec<_> = all.iter().map(JournalEntry::mark).collect();
        assert_eq!(all.iter().filter(|entry| entry.place.is_none()).count(), 1);
        drop(marks);
        drop(all);
        assert!(journal.entry(&[8; 32]).place.is_some());
    }
}

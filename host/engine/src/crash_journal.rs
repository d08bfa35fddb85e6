//! Journal of what executes at this moment, which survives a crash of the process: the next process
//! reads from it what may have caused the crash.
//!
//! The file is mapped, so that an execution is marked by adding to a number in memory. The kernel
//! writes the pages of a process that has died; only a machine that loses its power loses them.

use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags, fallocate, flock, open};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Components that can be marked at the same time; more are executed without a mark.
const ENTRIES: usize = 4_096;
/// Words of an entry: eight of the SHA-256 digest, and the number of executions.
const WORDS: usize = 9;
const DIGEST_WORDS: usize = 8;
const FILE_BYTES: usize = ENTRIES * WORDS * size_of::<u32>();
/// Maximum number of processes that share a directory.
const PROCESSES: usize = 64;

/// The journal of this process.
#[derive(Debug)]
pub struct CrashJournal {
    words: &'static [AtomicU32],
    free: Mutex<Vec<usize>>,
    /// Locked as long as the process lives.
    _file: Option<OwnedFd>,
}

/// Digests of the components that were executing when an earlier process died.
pub type Suspects = Vec<[u8; 32]>;

impl CrashJournal {
    /// Opens a journal in this directory that no living process uses. Also returns what those of
    /// dead processes were executing; they are empty afterwards.
    ///
    /// # Errors
    /// Returns the operating system's error, also if the disk is full: a mapping of a file without
    /// its blocks would kill the process when it is written to.
    pub fn open(directory: &Path) -> io::Result<(Arc<Self>, Vec<Suspects>)> {
        let (mut own, mut crashes) = (None, Vec::new());
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
            crashes.extend(Some(executing(words)).filter(|suspects| !suspects.is_empty()));
            words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
            own.get_or_insert((file, words));
        }
        let (file, words) = own.ok_or_else(|| io::Error::other("more than 64 processes use this directory"))?;
        Ok((Self::of(words, Some(file)), crashes))
    }

    /// Returns a journal in memory, which does not survive a crash. It is never freed.
    #[must_use]
    pub fn in_memory() -> Arc<Self> {
        let words: Vec<AtomicU32> = (0..ENTRIES * WORDS).map(|_| AtomicU32::new(0)).collect();
        Self::of(words.leak(), None)
    }

    fn of(words: &'static [AtomicU32], file: Option<OwnedFd>) -> Arc<Self> {
        Arc::new(Self {
            words,
            free: Mutex::new((0..ENTRIES).rev().collect()),
            _file: file,
        })
    }

    /// Returns the entry of a component. Without a free one, its executions are not marked.
    #[must_use]
    pub fn entry(self: &Arc<Self>, digest: &[u8; 32]) -> JournalEntry {
        let place = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(words) = place.and_then(|place| self.words_of(place)) {
            for (word, bytes) in words.iter().zip(digest.as_chunks().0) {
                word.store(u32::from_ne_bytes(*bytes), Ordering::Relaxed);
            }
        }
        JournalEntry {
            journal: Arc::clone(self),
            place,
        }
    }

    fn words_of(&self, place: usize) -> Option<&'static [AtomicU32]> {
        let first = place.checked_mul(WORDS)?;
        self.words.get(first..first.checked_add(WORDS)?)
    }
}

/// Place of a component in the journal.
#[derive(Debug)]
pub struct JournalEntry {
    journal: Arc<CrashJournal>,
    place: Option<usize>,
}

impl JournalEntry {
    /// Marks an execution until the result is dropped.
    #[must_use]
    pub fn mark(self: &Arc<Self>) -> ExecutionMark {
        if let Some(executions) = self.executions() {
            executions.fetch_add(1, Ordering::Relaxed);
        }
        ExecutionMark(Arc::clone(self))
    }

    fn executions(&self) -> Option<&'static AtomicU32> {
        self.journal.words_of(self.place?)?.get(DIGEST_WORDS)
    }
}

impl Drop for JournalEntry {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.journal
                .free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(place);
        }
    }
}

/// An execution in progress.
#[derive(Debug)]
pub struct ExecutionMark(Arc<JournalEntry>);

impl Drop for ExecutionMark {
    fn drop(&mut self) {
        if let Some(executions) = self.0.executions() {
            executions.fetch_sub(1, Ordering::Relaxed);
        }
    }
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
    // operations, and the
    // file is locked: other processes of this platform do not map it while it is used here.
    let words = unsafe {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let address = mmap(ptr::null_mut(), FILE_BYTES, protection, MapFlags::SHARED, file, 0)?;
        slice::from_raw_parts(address.cast::<AtomicU32>(), ENTRIES * WORDS)
    };
    Ok(words)
}

/// Returns the digests that are marked as executing.
fn executing(words: &[AtomicU32]) -> Suspects {
    let entries = words.chunks_exact(WORDS);
    let digests = entries.filter_map(|entry| {
        let (executions, digest) = entry.split_last()?;
        let mut bytes = [0; 32];
        for (into, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(digest) {
            *into = word.load(Ordering::Relaxed).to_ne_bytes();
        }
        (executions.load(Ordering::Relaxed) > 0).then_some(bytes)
    });
    let mut suspects: Suspects = digests.collect();
    suspects.sort_unstable();
    suspects.dedup();
    suspects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_executes_when_a_process_dies_is_known_to_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, crashes) = CrashJournal::open(directory.path()).unwrap();
        assert!(crashes.is_empty());
        let entries = [1, 2, 3].map(|number| Arc::new(journal.entry(&[number; 32])));
        let [one, two, _] = &entries;
        drop(one.mark());
        // The process dies: these executions do not end.
        two.executions().unwrap().fetch_add(2, Ordering::Relaxed);
        let other = CrashJournal::open(directory.path()).unwrap();
        assert!(other.1.is_empty(), "the first process lives");
        drop((entries, journal));
        let (_journal, crashes) = CrashJournal::open(directory.path()).unwrap();
        assert_eq!(crashes, [vec![[2; 32]]]);
        drop(other);
        assert!(CrashJournal::open(directory.path()).unwrap().1.is_empty());
    }

    #[test]
    fn entries_are_used_again_and_more_components_than_there_are_entries_run_without() {
        let journal = CrashJournal::in_memory();
        let all: Vec<_> = (0..=ENTRIES).map(|_| Arc::new(journal.entry(&[7; 32]))).collect();
        let marks: Vec<_> = all.iter().map(JournalEntry::mark).collect();
        assert_eq!(executing(journal.words), [[7; 32]]);
        assert_eq!(all.iter().filter(|entry| entry.place.is_none()).count(), 1);
        drop(marks);
        drop(all);
        assert!(executing(journal.words).is_empty());
        assert!(journal.entry(&[8; 32]).place.is_some());
    }
}

use crate::{Families, Source};
use procfs_core::FromRead;
use procfs_core::process::Stat;
use rustix::process::{Resource, getrlimit};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::LazyLock;
use std::time::SystemTime;

/// Maximum bytes of `/proc/self/stat`.
const STAT_BYTES: usize = 4096;

/// Processor time, memory and files of the process. Its files are opened before the process gives
/// up the right to open others.
pub(crate) struct Process {
    stat: Option<File>,
    /// The directory of open files; its size is their number since Linux 6.2.
    files: Option<File>,
    started: SystemTime,
}

static PROCESS: LazyLock<Process> = LazyLock::new(|| Process {
    stat: File::open("/proc/self/stat").ok(),
    files: File::open("/proc/self/fd").ok(),
    started: SystemTime::now(),
});

/// Opens the files that the metrics of the process are read from. A process that gives up the right
/// to open files calls it before.
pub fn open_process_files() {
    LazyLock::force(&PROCESS);
}

impl Process {
    pub(crate) fn open() -> &'static Self {
        &PROCESS
    }

    fn stat(&self) -> io::Result<Stat> {
        let mut bytes = vec![0; STAT_BYTES];
        let file = self.stat.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let length = file.read_at(&mut bytes, 0)?;
        bytes.truncate(length);
        Stat::from_read(bytes.as_slice()).map_err(io::Error::other)
    }
}

impl Source for &'static Process {
    fn write(&self, families: &mut Families<'_>) -> fmt::Result {
        if let Ok(stat) = self.stat() {
            let ticks = (stat.utime + stat.stime) as f64 / rustix::param::clock_ticks_per_second() as f64;
            families.counter("process_cpu_seconds", "Processor time of the process", ticks)?;
            let resident = stat.rss * rustix::param::page_size() as u64;
            families.gauge("process_resident_memory_bytes", "Memory in RAM", resident)?;
            families.gauge("process_virtual_memory_bytes", "Addresses in use", stat.vsize)?;
            families.gauge("process_threads", "Threads of the process", stat.num_threads)?;
        }
        let open = self.files.as_ref().and_then(|files| files.metadata().ok());
        if let Some(open) = open.map(|metadata| metadata.size()).filter(|open| *open > 0) {
            families.gauge("process_open_fds", "Open files and connections", open)?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            families.gauge("process_max_fds", "Maximum number of open files", most)?;
        }
        let started = self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let help = "Time at which the process started, in seconds of the Unix epoch";
        families.gauge("process_start_time_seconds", help, started.as_secs_f64())
    }
}

//! Memory pressure for a campaign: a limit of its memory, and a swap file for what exceeds it. It
//! needs root, and changes the machine until it ends.

use crate::shell::{Outcome, execute, step, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes of the swap file.
const SWAP_BYTES: &str = "2147483648";
/// Name of the control group.
const GROUP: &str = "alga-soak";

/// This process, and what it starts, below a limit of memory until it is dropped.
pub(crate) struct Pressure {
    /// The group that the process was in.
    before: PathBuf,
    group: PathBuf,
    swap: PathBuf,
}

impl Pressure {
    pub(crate) fn start(mebibytes: u64) -> Outcome<Self> {
        step(&format!("memory limit of {mebibytes} MiB, and a swap file"));
        let swap = target().join("swap");
        fs::write(&swap, "")?;
        execute(Command::new("chmod").arg("600").arg(&swap))?;
        execute(Command::new("fallocate").args(["-l", SWAP_BYTES]).arg(&swap))?;
        execute(Command::new("mkswap").arg(&swap))?;
        execute(Command::new("swapon").arg(&swap))?;
        // Version 1 has a hierarchy for memory alone.
        let old = Path::new("/sys/fs/cgroup/memory");
        let (before, limit) = match old.is_dir() {
            true => (old.to_owned(), "memory.limit_in_bytes"),
            false => (PathBuf::from("/sys/fs/cgroup"), "memory.max"),
        };
        let pressure = Self {
            group: before.join(GROUP),
            before,
            swap,
        };
        fs::create_dir_all(&pressure.group)?;
        fs::write(pressure.group.join(limit), (mebibytes * 1024 * 1024).to_string())?;
        enter(&pressure.group)?;
        Ok(pressure)
    }
}

fn enter(group: &Path) -> Outcome {
    Ok(fs::write(group.join("cgroup.procs"), std::process::id().to_string())?)
}

impl Drop for Pressure {
    fn drop(&mut self) {
        enter(&self.before).ok();
        fs::remove_dir(&self.group).ok();
        execute(Command::new("swapoff").arg(&self.swap)).ok();
        fs::remove_file(&self.swap).ok();
    }
}

//! Files in which the kernel reports about this machine.

use std::fs;
use std::path::{Path, PathBuf};

/// Files of the kernel below a directory, which is `/` except in tests.
pub(super) struct Kernel {
    root: PathBuf,
}

impl Kernel {
    pub(super) fn of_this_machine() -> Self {
        Self::at(Path::new("/"))
    }

    pub(super) fn at(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    /// Returns the text of a file without surrounding space; `None` if this machine has no such
    /// file.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    /// Returns the number that a file consists of.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// Returns the selected one of several words, which the kernel marks with brackets.
    pub(super) fn selected(&self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let (_, rest) = text.split_once('[')?;
        let (selected, _) = rest.split_once(']')?;
        Some(selected.to_owned())
    }

    /// Returns the text of a file of this process's control group (version 2).
    fn of_group(&self, file: &str) -> Option<String> {
        let groups = self.text("proc/self/cgroup").unwrap_or_default();
        let path = groups.lines().find_map(|line| line.strip_prefix("0::/"));
        let own = path.and_then(|path| self.text(&format!("sys/fs/cgroup/{path}/{file}")));
        // In a namespace of its own, a group is the root.
        own.or_else(|| self.text(&format!("sys/fs/cgroup/{file}")))
    }

    /// Reports whether this process's control group may not use swap.
    pub(super) fn is_without_swap(&self) -> bool {
        self.of_group("memory.swap.max").as_deref() == Some("0")
    }

    /// Returns the processors that this process may use at once, by its control group; `None` if
    /// there is no such limit.
    pub(super) fn processor_quota(&self) -> Option<f64> {
        let text = self.of_group("cpu.max")?;
        let (quota, period) = text.split_once(' ')?;
        Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
    }

    /// Returns the bytes of memory that this process can have: of its control group, or of the
    /// machine.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        let machine = self.text("proc/meminfo").and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            kib.checked_mul(1024)
        });
        let group = self.of_group("memory.max").and_then(|text| text.parse().ok());
        machine.into_iter().chain(group).min()
    }
}

//! What the machine has, and what of it is used.

use std::fs;
use std::path::{Path, PathBuf};

/// Space of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// That may still be used.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// Where the figures come from. Asked on a thread of its own, once a second; what cannot be found out
/// limits nothing.
pub trait Readings: Send {
    /// Bytes of memory that this process uses.
    fn memory_used(&mut self) -> Option<u64>;
    /// Bytes of memory that it may use: of the machine, or of its control group.
    fn memory_total(&mut self) -> Option<u64>;
    /// The file system of the store.
    fn disk(&mut self) -> Option<Space>;
}

/// Of the machine that this is.
pub(crate) struct Machine {
    /// In which the store lies.
    folder: PathBuf,
}

impl Machine {
    pub(crate) fn new(folder: PathBuf) -> Machine {
        Machine { folder }
    }
}

impl Readings for Machine {
    fn memory_used(&mut self) -> Option<u64> {
        kib_in(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
    }

    fn memory_total(&mut self) -> Option<u64> {
        let machine = kib_in(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:");
        group_limits().chain(machine).min()
    }

    fn disk(&mut self) -> Option<Space> {
        let disk = rustix::fs::statvfs(&self.folder).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some(Space { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
    }
}

/// A line such as `VmRSS:  123 kB`, in bytes.
fn kib_in(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Those of the control group of this process and of all above it.
fn group_limits() -> impl Iterator<Item = u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let files = limit_files(&groups).into_iter();
    files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}

/// Where they stand, by a list of the groups such as `0::/a/b`, or `4:memory:/a/b` of version 1.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let all = groups.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(":/")?;
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            v1 if v1.split(',').any(|it| it == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let group = Path::new(root).join(path);
        let above = group.ancestors().take_while(|group| group.starts_with(root));
        Some(above.map(|group| group.join(name)).collect::<Vec<_>>())
    });
    all.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_name() {
        let text = "VmPeak:\t  200 kB\nVmRSS:\t  123 kB\nThreads:\t7\n";
        assert_eq!(kib_in(text, "VmRSS:"), Some(123 * 1024));
        assert_eq!(kib_in(text, "Threads:"), None);
        assert_eq!(kib_in(text, "VmSwap:"), None);
    }

    #[test]
    fn the_limits_of_a_group_and_of_all_above_are_found() {
        let files = limit_files("12:cpu,cpuacct:/a\n4:memory:/a/b\n0::/c\n");
        let expected = [
            "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/c/memory.max",
            "/sys/fs/cgroup/memory.max",
        ];
        assert_eq!(files, expected.map(PathBuf::from));
    }

    #[test]
    fn this_machine_has_figures() {
        let mut machine = Machine::new(std::env::temp_dir());
        let (used, total) = (machine.memory_used(), machine.memory_total());
        assert!(used.is_some_and(|used| used > 0) && used < total, "{used:?} of {total:?}");
        assert!(machine.disk().is_some_and(|space| space.free <= space.total));
    }
}

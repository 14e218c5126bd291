//! CPU time and memory of the broker, if it runs here, and of this process.

use std::fs;

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

use crate::clock;
use crate::trouble::BenchError;

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pid: i32,
    clock: ClockId,
}

/// Resident memory, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    /// The most that it ever was.
    pub(crate) peak: u64,
}

impl Process {
    pub(crate) fn new(pid: i32) -> Result<Process, BenchError> {
        let clock = clock_getcpuclockid(Pid::from_raw(pid));
        let process = clock.map(|clock| Process { pid, clock }).ok();
        process.filter(|process| process.memory().is_some()).ok_or(BenchError::NoProcess(pid))
    }

    /// What it has used so far, in nanoseconds.
    fn cpu(self) -> Option<u64> {
        clock::nanoseconds(self.clock)
    }

    /// `None`: it is gone.
    pub(crate) fn memory(self) -> Option<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let find = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Memory { now: find("VmRSS:")?, peak: find("VmHWM:")? })
    }
}

/// Measures what is used from its start on.
pub(crate) struct Meter {
    broker: Option<(Process, u64)>,
    own: u64,
}

/// What was used; CPU times in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) broker: Option<u64>,
    pub(crate) memory: Option<Memory>,
    pub(crate) own: u64,
}

impl Meter {
    pub(crate) fn start(broker: Option<Process>) -> Meter {
        let broker = broker.and_then(|process| Some((process, process.cpu()?)));
        Meter { broker, own: own_cpu() }
    }

    pub(crate) fn stop(&self) -> Usage {
        let used = |(process, before): (Process, u64)| Some(process.cpu()?.saturating_sub(before));
        Usage {
            own: own_cpu().saturating_sub(self.own),
            broker: self.broker.and_then(used),
            memory: self.broker.and_then(|(process, _)| process.memory()),
        }
    }
}

fn own_cpu() -> u64 {
    clock::nanoseconds(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap_or_default()
}

//! What the numbers were measured on, and when.

use std::fs;
use std::process::Command;

/// For instance `2 CPUs (…), 16 GiB, Linux 6.1`.
pub(crate) fn describe() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes.div_ceil(1 << 20));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    format!("{cpus} CPUs ({model}), {memory} GiB of memory, Linux {kernel}")
}

/// Of today, in UTC.
pub(crate) fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// What stands behind the colon in the first line that begins so.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

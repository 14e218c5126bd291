//! Runs a case under Callgrind and reads what it has counted.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// Within this function of `microbench` alone is counted.
const MEASURED: &str = "microbench::measured";

/// The instructions of one pass.
pub(super) fn count(program: &Path, name: &str) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir().context("no folder for what Callgrind writes")?;
    let file = folder.path().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--collect-atstart=no"]);
    valgrind.arg(format!("--toggle-collect={MEASURED}"));
    valgrind.arg(format!("--callgrind-out-file={}", file.display()));
    let output = valgrind.arg(program).args(["--once", name]).output();
    let output = output.context("cannot start valgrind")?;
    if !output.status.success() {
        bail!("valgrind: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = std::fs::read_to_string(&file).context("what Callgrind has written")?;
    match total(&text) {
        Some(0) => bail!("Callgrind has not seen {MEASURED}: is the program stripped?"),
        Some(count) => Ok(count),
        None => bail!("Callgrind has written no total"),
    }
}

/// The sum in what Callgrind writes, of the only event it counts here.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn reads_the_total() {
        let text = "# callgrind format\nevents: Ir\n\nfn=(1) f\n16 3\n17 1234\n\ntotals: 1237\n";
        assert_eq!(total(text), Some(1237));
        assert_eq!(total("events: Ir\n"), None);
    }
}

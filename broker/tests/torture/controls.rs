//! That torture sees what it is for: runs in which something acknowledged is lost on purpose.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use torture::{Durability, PowerCut, Random, Report, Rounds, Start, Trouble};

/// Before each broker but the first.
struct Wiped(fn(&Start));

impl Trouble for Wiped {
    fn name(&self) -> &'static str {
        "wiped"
    }

    fn before(&mut self, start: &mut Start, _: &mut Random) {
        if store(start).exists() {
            self.0(start);
        }
    }
}

fn store(start: &Start) -> PathBuf {
    start.folder.join("disk/data/store")
}

fn wipe_all(start: &Start) {
    fs::remove_dir_all(store(start)).unwrap();
}

/// By way of an export without them.
fn wipe_retained(start: &Start) {
    let export = start.folder.join("export.jsonl");
    run_tool(start, "export", &export);
    let text = fs::read_to_string(&export).unwrap();
    let mut kept: Vec<_> =
        text.lines().filter(|line| !line.starts_with("{\"retained\"")).map(str::to_owned).collect();
    let lines = kept.len() - 1;
    *kept.last_mut().unwrap() = format!("{{\"end\":{{\"lines\":{lines}}}}}");
    fs::write(&export, kept.join("\n") + "\n").unwrap();
    wipe_all(start);
    run_tool(start, "import", &export);
}

fn run_tool(start: &Start, tool: &str, file: &PathBuf) {
    let mut command = Command::new(&start.binary);
    command.args(["store", tool]).arg(file).arg("--store").arg(store(start));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn run(durability: Durability, trouble: &mut dyn Trouble) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let start = super::start(folder.path().to_owned(), durability);
    let rounds = Rounds { rounds: 2, seed: 5, longest: Duration::from_millis(1000), start };
    let report = rounds.run(trouble, &mut |line| eprintln!("{line}"));
    eprintln!("{report}");
    report
}

fn faults_with(report: &Report, what: &str) -> usize {
    report.faults().iter().filter(|fault| fault.contains(what)).count()
}

#[test]
fn less_than_the_disk_is_seen_when_the_power_goes() {
    let report = run(Durability::Os, &mut PowerCut::default());
    assert!(report.lost() > 0, "{report}");
}

#[test]
fn it_is_seen_that_retained_messages_are_gone() {
    let report = run(Durability::Fsync, &mut Wiped(wipe_retained));
    let gone = faults_with(&report, "not retained");
    assert!(gone > 0 && gone == report.faults().len() && report.lost() == 0, "{report}");
}

#[test]
fn it_is_seen_that_the_whole_store_is_gone() {
    let report = run(Durability::Fsync, &mut Wiped(wipe_all));
    assert!(report.lost() > 0, "{report}");
    assert!(faults_with(&report, "not retained") > 0, "{report}");
    assert!(faults_with(&report, "session is gone") > 0, "{report}");
}

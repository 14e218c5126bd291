//! A process of its own that submits a script and writes down what is reported: the ledger. Whoever started it
//! makes it end.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hookmq_store::{Durability, Health, Options, Progress, Store};
use parking_lot::{Condvar, Mutex};

use crate::script;

const DIR: &str = "STORE_WRITER_DIR";
const SEED: &str = "STORE_WRITER_SEED";
const TIER: &str = "STORE_WRITER_TIER";

/// How many groups may wait to be durable.
const OUTSTANDING: u64 = 64;

/// Starts a writer on the store in `dir`; its ledger is its standard output, a number a line.
pub(crate) fn command(dir: &Path, seed: u64, durability: Durability) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer::writes_until_it_is_killed", "--nocapture"]);
    command.env(DIR, dir).env(SEED, seed.to_string());
    command.env(TIER, if durability == Durability::Fsync { "fsync" } else { "os" });
    command.stdout(Stdio::piped());
    command
}

pub(crate) fn spawn(dir: &Path, seed: u64, durability: Durability) -> Child {
    command(dir, seed, durability).spawn().expect("the writer starts")
}

/// The highest number of a ledger; its last line may be cut off.
pub(crate) fn last_reported(ledger: &[u8]) -> u64 {
    let whole = ledger.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let text = String::from_utf8_lossy(&ledger[..whole]);
    text.lines().filter_map(|line| line.strip_prefix("durable ")?.parse().ok()).max().unwrap_or(0)
}

/// Nothing to do unless it is started by [`command`].
#[test]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let durability =
        if std::env::var(TIER).unwrap() == "fsync" { Durability::Fsync } else { Durability::Os };
    write(Path::new(&dir), seed, durability);
}

fn write(dir: &Path, seed: u64, durability: Durability) {
    static DURABLE: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());
    let on_durable = |progress: Progress| {
        // Before anybody acts on it, as an acknowledgement would be.
        let line = match &progress.health {
            Health::Well => format!("durable {}\n", progress.durable),
            health => format!("{health:?} {}\n", progress.durable),
        };
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        *DURABLE.0.lock() = progress.durable;
        DURABLE.1.notify_all();
    };
    let options = Options { retry: Duration::from_millis(20), ..Options::new(durability) };
    let (store, state) = Store::open(dir, options, Box::new(on_durable)).expect("the store opens");
    let mut durable = DURABLE.0.lock();
    *durable = state.sequence.max(*durable);
    let mut sequence = state.sequence;
    loop {
        while sequence < *durable + OUTSTANDING {
            sequence = store.submit(&mut script::scripted(seed, sequence + 1));
        }
        DURABLE.1.wait(&mut durable);
    }
}

//! `hookmq plugin record`: writes what hooks of a running broker are told into a file.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use hookmq::{config, control};
use recording::{MAGIC, MAX_RECORD, Record as Recorded};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::tools::ctl::{self, Failure, SocketFile};
use crate::tools::{complain, say};

/// Record what hooks of a running broker are told, to replay it to a plugin
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Record {
    /// Where it is written. Only its owner can read it
    file: PathBuf,
    #[command(flatten)]
    socket: SocketFile,
    /// End after this time, such as 30s or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = read_time)]
    time: Option<Duration>,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// End before the file is larger
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = read_size)]
    max_size: u64,
    /// The events of this hook alone, by its name in Rust. May be repeated
    #[arg(long, value_name = "HOOK")]
    hook: Vec<String>,
    /// About this client alone; `sensor-*` are all that begin so. May be repeated
    #[arg(long, value_name = "CLIENT_ID")]
    client: Vec<String>,
    /// With passwords, and what goes over AUTH
    #[arg(long)]
    with_passwords: bool,
    /// Replace the file, if there is one
    #[arg(long)]
    force: bool,
}

const AFTER_HELP: &str = "\
It needs neither a restart nor a plugin, and ends at Ctrl-C. What is recorded is what has come, before a plugin
has changed it; payloads are in it. on_before_deliver, on_delivered and on_dropped come once for each receiver
of a message, and are recorded only with --hook. With --client, connections without a client yet are left out.
The broker does not wait for the disk: where that is too slow, events are left out, and their number is told.

Examples:
  hookmq plugin record events.rec
  hookmq plugin record events.rec --for 30s --hook on_before_connect --hook on_before_publish
  hookmq plugin record events.rec --events 1000 --client 'sensor-*'
  hookmq plugin record events.rec --config /etc/hookmq.yml
  hookmq plugin replay events.rec new/acl.so --compare plugins/acl.so

Exit status: 0 if it was recorded, 1 if the broker says no or the file cannot be written, 2 if the arguments
are wrong, 69 if there is no broker to be reached or it has ended meanwhile, 78 if the config cannot be read.";

/// How often somebody is shown how far it is.
const SHOWN_EVERY: Duration = Duration::from_millis(500);

/// Why no more is written.
#[derive(PartialEq, Eq)]
enum End {
    /// As many events as were wanted.
    Enough,
    /// The file would be too large.
    Full,
    /// The broker sends no more.
    Closed,
    /// Somebody does not want to wait for the rest.
    Impatient,
}

/// How far it is.
#[derive(Default)]
struct Tally {
    events: Cell<u64>,
    bytes: Cell<u64>,
    left_out: Cell<u64>,
}

impl Record {
    /// `given` stands before the command. Blocks until the recording ends.
    pub(super) fn run(&self, given: Option<PathBuf>) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let recorded = self.socket.path(given).and_then(|socket| {
            let runtime = runtime.map_err(|error| Failure::Refused(error.to_string()))?;
            runtime.block_on(self.record(&socket))
        });
        ctl::ending(recorded)
    }

    async fn record(&self, socket: &Path) -> Result<(), Failure> {
        let fail = |error| Failure::Refused(format!("{}: {error}", self.file.display()));
        self.check().map_err(fail)?;
        let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        let [Ok(interrupt), Ok(terminate)] = signals else {
            return Err(Failure::Refused("cannot wait for signals".to_owned()));
        };
        let (mut read, write) = self.begin(socket).await?;
        let mut file = BufWriter::with_capacity(256 * 1024, self.create().map_err(fail)?);
        complain(format_args!("recording into {}; Ctrl-C ends it", self.file.display()));
        let tally = Tally::default();
        let pump = self.pump(&mut read, &mut file, &tally);
        let was_asked;
        let ended = {
            let mut write = Some(write);
            let ended = self.wait(pump, &mut write, [interrupt, terminate], &tally).await;
            was_asked = write.is_none();
            ended
        };
        let ended = ended.and_then(|end| file.flush().map(|()| end)).map_err(fail);
        self.conclude(&tally);
        match ended? {
            End::Closed if !was_asked => Err(Failure::Unreachable(
                "the broker has ended the recording; its log may say why".to_owned(),
            )),
            End::Full => {
                complain(format_args!("{} would be larger than --max-size", self.file.display()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Before the broker is asked for anything.
    fn check(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.file) {
            Ok(found) if !found.is_file() => Err(io::Error::other("it is there, and is no file")),
            Ok(_) if !self.force => Err(io::Error::other("it is there; --force replaces it")),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// It has payloads in it, and perhaps passwords.
    fn create(&self) -> io::Result<File> {
        if self.force
            && let Err(error) = fs::remove_file(&self.file)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.file)
    }

    /// Has the broker begin.
    async fn begin(
        &self,
        socket: &Path,
    ) -> Result<(BufReader<OwnedReadHalf>, OwnedWriteHalf), Failure> {
        let connected = control::connect(socket).and_then(|stream| {
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        });
        let stream = connected.map_err(|error| Failure::unreachable(socket, &error))?;
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::with_capacity(256 * 1024, read);
        let request = json!({
            "command": "plugins.record",
            "hooks": self.hook,
            "clients": self.client,
            "with_passwords": self.with_passwords,
        });
        let gone = |error: io::Error| Failure::gone(&error);
        write.write_all(format!("{request}\n").as_bytes()).await.map_err(gone)?;
        let mut line = String::new();
        read.read_line(&mut line).await.map_err(gone)?;
        let answer: Value = serde_json::from_str(&line).map_err(|error| gone(error.into()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(Failure::Refused(error.to_owned())),
            None => Ok((read, write)),
        }
    }

    /// Until it ends of itself or is to end. Then `write` is dropped, so that the broker sends what it still
    /// has and no more.
    async fn wait(
        &self,
        pump: impl Future<Output = io::Result<End>>,
        write: &mut Option<OwnedWriteHalf>,
        [mut interrupt, mut terminate]: [Signal; 2],
        tally: &Tally,
    ) -> io::Result<End> {
        let mut pump = pin!(pump);
        let end = self.time.map(|time| Instant::now() + time);
        let mut shown = interval(SHOWN_EVERY);
        shown.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let is_watched = io::stderr().is_terminal();
        loop {
            tokio::select! {
                ended = &mut pump => return ended,
                _ = interrupt.recv() => if write.take().is_none() { return Ok(End::Impatient) },
                _ = terminate.recv() => if write.take().is_none() { return Ok(End::Impatient) },
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() && write.is_some() => {
                    *write = None;
                }
                _ = shown.tick(), if is_watched => tally.show(),
            }
        }
    }

    /// From the broker into the file.
    async fn pump(
        &self,
        read: &mut BufReader<OwnedReadHalf>,
        file: &mut impl Write,
        tally: &Tally,
    ) -> io::Result<End> {
        let mut magic = [0; MAGIC.len()];
        read.read_exact(&mut magic).await?;
        if magic != MAGIC {
            return Err(io::Error::other(
                "the broker is of another version, and records otherwise",
            ));
        }
        file.write_all(&MAGIC)?;
        tally.bytes.set(MAGIC.len() as u64);
        while let Some(record) = next(read).await? {
            let bytes = record.as_bytes();
            let size = tally.bytes.get() + bytes.len() as u64;
            if size > self.max_size {
                return Ok(End::Full);
            }
            file.write_all(bytes)?;
            // Nothing stays behind while nothing comes.
            if read.buffer().is_empty() {
                file.flush()?;
            }
            tally.count(&record, size);
            if self.events.is_some_and(|wanted| tally.events.get() >= wanted) {
                return Ok(End::Enough);
            }
        }
        Ok(End::Closed)
    }

    fn conclude(&self, tally: &Tally) {
        if io::stderr().is_terminal() {
            tally.show();
            complain("");
        }
        let (events, bytes) = (tally.events.get(), written(tally.bytes.get()));
        say(format_args!("{events} events, {bytes}, in {}", self.file.display()));
        if tally.left_out.get() > 0 {
            let left_out = tally.left_out.get();
            complain(format_args!("{left_out} events were left out: there were too many to write"));
        }
    }
}

/// `None`: there are no more, for the last one is cut off where the broker has ended.
async fn next(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Recorded>> {
    let damaged = || io::Error::other("what the broker sends is damaged");
    let Ok(len) = read.read_u32_le().await else { return Ok(None) };
    if len > MAX_RECORD {
        return Err(damaged());
    }
    let mut bytes = Vec::new();
    let taken = read.take(len.into()).read_to_end(&mut bytes).await;
    match taken.is_ok_and(|taken| taken as u64 == u64::from(len)) {
        true => Recorded::decode(&bytes).map(Some).ok_or_else(damaged),
        false => Ok(None),
    }
}

impl Tally {
    fn count(&self, record: &Recorded, size: u64) {
        self.bytes.set(size);
        match record.left_out() {
            Some(more) => self.left_out.set(self.left_out.get() + more),
            None => self.events.set(self.events.get() + 1),
        }
    }

    /// In place of what was shown before.
    fn show(&self) {
        let left_out = match self.left_out.get() {
            0 => String::new(),
            left_out => format!(", {left_out} left out"),
        };
        let (events, bytes) = (self.events.get(), written(self.bytes.get()));
        // Nobody may be looking any more.
        let _ = write!(io::stderr(), "\r{events} events, {bytes}{left_out}\x1b[K");
    }
}

/// `5.3 MiB`.
fn written(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

fn read_time(text: &str) -> Result<Duration, &'static str> {
    config::read_duration(text).ok_or("a time is written as 500ms, 10s, 2m or 7d")
}

fn read_size(text: &str) -> Result<u64, &'static str> {
    config::read_size(text).ok_or("a size is written as 512, 64KiB, 1MiB or 2GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
            (3 << 30, "3.0 GiB"),
        ] {
            assert_eq!(written(bytes), text);
        }
    }
}

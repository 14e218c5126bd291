//! Writes records on a thread of its own, so that no hook waits for the disk. What it has no room for is
//! left out, and counted.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use plugin_abi::log;
use recording::{MAGIC, Record};

/// Records that wait for the disk.
const WAITING: usize = 16 * 1024;

pub(crate) struct Writer {
    /// None once it is closed.
    records: Mutex<Option<SyncSender<Vec<u8>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    left: AtomicU64,
    left_out: AtomicU64,
}

impl Writer {
    /// Begins a new file, which only its owner can read. Blocks on the disk.
    pub(crate) fn create(file: &Path, max_bytes: u64) -> io::Result<Writer> {
        let place = |error: io::Error| {
            io::Error::new(error.kind(), format!("{} cannot be written: {error}", file.display()))
        };
        let mut opened = private(file).map_err(place)?;
        opened.write_all(&MAGIC).map_err(place)?;
        let (sender, receiver) = sync_channel(WAITING);
        let name = file.display().to_string();
        log::info!("recording into {name}");
        let thread = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || serve(opened, &receiver, &name))?;
        Ok(Writer {
            records: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            left: AtomicU64::new(max_bytes),
            left_out: AtomicU64::new(0),
        })
    }

    /// Does not block.
    pub(crate) fn write(&self, record: &Record) {
        let bytes = record.encode();
        let size = bytes.len() as u64;
        let room = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(size));
        let sent = room.is_ok() && {
            let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            records.as_ref().is_some_and(|records| records.try_send(bytes).is_ok())
        };
        if !sent && self.left_out.fetch_add(1, Relaxed) == 0 {
            log::warn!("an event was left out: the disk is slow, or `max_bytes` reached");
        }
    }

    /// Waits until all is written.
    pub(crate) fn close(&self) {
        drop(self.records.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic of it is in the log already.
            let _ = thread.join();
        }
        match self.left_out.swap(0, Relaxed) {
            0 => {}
            left_out => log::warn!("{left_out} events were left out"),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// It has payloads in it, and perhaps passwords.
fn private(file: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Not over a recording that is there: who wants that removes it.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)
}

fn serve(file: File, records: &Receiver<Vec<u8>>, name: &str) {
    let mut file = BufWriter::with_capacity(256 * 1024, file);
    let written = write_all(&mut file, records).and_then(|()| file.flush());
    if let Err(error) = written {
        log::error!("{name} cannot be written any more: {error}");
    }
}

/// Until all senders are gone. Nothing stays behind in the buffer while nothing comes.
fn write_all(file: &mut impl Write, records: &Receiver<Vec<u8>>) -> io::Result<()> {
    loop {
        let bytes = match records.try_recv() {
            Ok(bytes) => bytes,
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) => {
                file.flush()?;
                let Ok(bytes) = records.recv() else { return Ok(()) };
                bytes
            }
        };
        file.write_all(&bytes)?;
    }
}

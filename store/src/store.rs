//! The store: opened once, handed changes by every shard, closed at the end.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;

use crate::change::{Change, Sequence};
use crate::committer::Committer;
use crate::format::{self, VERSION};
use crate::health::{Health, Progress, Status};
use crate::inbox::Inbox;
use crate::opening;
use crate::options::Options;
use crate::recovery;
use crate::state::State;

/// While the store is closed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A journal that is open. All clones are one; it is closed with the last of them.
#[derive(Clone)]
pub struct Store(Arc<Open>);

struct Open {
    inbox: Arc<Inbox>,
    status: Arc<Status>,
    committer: Mutex<Option<Thread>>,
    /// Locked as long as the store is open.
    lock: Mutex<Option<File>>,
}

/// The thread of the committer.
struct Thread {
    id: std::thread::ThreadId,
    /// Nothing comes; it is closed when the thread is done with the files.
    end: Receiver<()>,
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "another process has the store open, a broker or a `hookmq store`; stop it first, then try again"
    )]
    Locked,
    /// A newer version of the broker has made it. Nothing was changed.
    #[error(
        "the store has format {version}, and this version reads up to {VERSION}; take a newer hookmq"
    )]
    Newer {
        /// The version of its format.
        version: u32,
    },
    /// What cannot be read was on the disk once. Nothing was changed.
    #[error("{what} is damaged; see what is lost and repair it by: hookmq store check --repair")]
    Damaged {
        /// What, and where.
        what: String,
    },
    /// Without it nothing of the store can be read, so that it cannot be repaired either. Nothing was changed.
    #[error(
        "{what} is damaged or missing, without which nothing of the store can be read; put it back from a copy of \
         the folder, or have an export take its place by: hookmq store import --replace"
    )]
    Unreadable {
        /// What.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use the store: {0}")]
    Io(#[from] io::Error),
}

impl Store {
    /// Opens the store in the folder `dir`, which is made if need be, and reads all that it holds.
    ///
    /// `on_durable` is called from the committer's thread: each time more is durable, and when the health of
    /// the store changes. It must not block.
    ///
    /// Blocks for as long as it takes to read everything: seconds for a million messages.
    ///
    /// # Errors
    /// If another process has it, it is damaged, or a file cannot be used.
    pub fn open(
        dir: &Path,
        options: Options,
        on_durable: Box<dyn Fn(Progress) + Send + Sync>,
    ) -> Result<(Store, State), OpenError> {
        format::make_folder(dir)?;
        let lock = lock(dir)?;
        let identity = opening::prepare(dir)?;
        let (engine, cut) = opening::open(dir, identity)?;
        let mut recovered = recovery::load(&engine, identity)?;
        recovered.state.cut = cut;
        let sequence = recovered.state.sequence;
        let inbox = Arc::new(Inbox::new(sequence, options.max_pending));
        let status = Arc::new(Status::new(sequence));
        let committer = Committer {
            dir: dir.to_owned(),
            options,
            inbox: Arc::clone(&inbox),
            status: Arc::clone(&status),
            report: on_durable,
            engine: Some(engine),
            index: recovered.index,
            mark: recovered.mark,
        };
        let thread = Thread::run(committer)?;
        let (committer, lock) = (Mutex::new(Some(thread)), Mutex::new(Some(lock)));
        let open = Open { inbox, status, committer, lock };
        Ok((Store(Arc::new(open)), recovered.state))
    }

    /// Takes all of `changes`, in their order, as one group: after a crash all of them are there or none, and
    /// what is there is what was submitted up to some group. The number returned is reported when the group
    /// is durable. From any thread; waits for no disk.
    ///
    /// If more waits than [`Options::max_pending`], or the store has failed, the changes are dropped and the
    /// number is never reported.
    pub fn submit(&self, changes: &mut Vec<Change>) -> Sequence {
        self.0.inbox.put(changes)
    }

    /// Every group up to this one is durable. Never waits.
    pub fn durable(&self) -> Sequence {
        self.0.status.durable()
    }

    /// How the store is. Never waits for a disk.
    pub fn health(&self) -> Health {
        self.0.status.health()
    }

    /// The same, to be asked about once a second, and by one thread: a disk that has not answered for ten such
    /// looks has failed. That is not reported by the committer's thread, which waits for it. Never waits for a disk.
    pub fn look(&self) -> Health {
        self.0.look()
    }

    /// Bytes that wait to be written, without what is being written. Never waits.
    pub fn pending(&self) -> usize {
        self.0.inbox.bytes()
    }

    /// Makes durable what was submitted, and closes the files. What is submitted later is not kept. Blocks, but
    /// not for ever on a disk that does not answer: see [`Store::look`]. Does nothing the second time. What it returns is [`Health::Well`] if all is durable.
    pub fn close(&self) -> Health {
        self.0.close()
    }
}

impl Thread {
    fn run(committer: Committer) -> io::Result<Thread> {
        let (ends, end) = sync_channel(0);
        let thread = std::thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || {
            let _ends: std::sync::mpsc::SyncSender<()> = ends;
            committer.run();
        })?;
        Ok(Thread { id: thread.thread().id(), end })
    }
}

impl Open {
    fn look(&self) -> Health {
        if self.status.look() {
            self.inbox.break_off();
        }
        self.status.health()
    }

    fn close(&self) -> Health {
        self.inbox.close();
        let committer = self.committer.lock().take();
        let lock = self.lock.lock().take();
        let is_done = committer.is_none_or(|thread| self.wait_for(&thread));
        match lock {
            // A process that was forked just now may have the file as well, to its exec or end.
            Some(lock) if is_done => _ = lock.unlock(),
            // It may still be written to.
            Some(lock) => std::mem::forget(lock),
            None => {}
        }
        self.status.health()
    }

    /// Whether the committer has ended; not if the disk does not answer.
    fn wait_for(&self, thread: &Thread) -> bool {
        if thread.id == std::thread::current().id() {
            return true;
        }
        loop {
            match thread.end.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return true,
            }
            self.look();
            if self.status.is_given_up() {
                return false;
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}

pub(crate) fn lock(dir: &Path) -> Result<File, OpenError> {
    let file = File::options().create(true).truncate(false).write(true).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::Locked),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

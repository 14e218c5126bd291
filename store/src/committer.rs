//! The thread that writes: it takes whatever has come in meanwhile, commits it as one batch, and says up to
//! where everything is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::change::Sequence;
use crate::engine::{Engine, EngineError, Sync};
use crate::healing;
use crate::health::{GivenUp, Health, Progress, Status};
use crate::inbox::{Groups, Inbox};
use crate::index::Index;
use crate::keys::{MARK, Space};
use crate::options::{Durability, Options};
use crate::record::Mark;
use crate::staged::Write;

/// With [`Durability::Os`], what the system has is brought to the disk so often.
const SYNC_EVERY: Duration = Duration::from_secs(1);
const TEND_EVERY: Duration = Duration::from_mins(1);
/// What was needed for a burst is not held for ever.
const MAX_KEPT: usize = 64 * 1024;

pub(crate) type Report = Box<dyn Fn(Progress) + Send + std::marker::Sync>;

pub(crate) struct Committer {
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) status: Arc<Status>,
    pub(crate) report: Report,
    /// None while a failure is being healed.
    pub(crate) engine: Option<Engine>,
    pub(crate) index: Index,
    pub(crate) mark: Mark,
}

/// What is under way.
struct Work {
    batch: Batch,
    /// Of the batch to be written, kept until it is: a failed one is written again as it was.
    writes: Vec<Write>,
    /// When the system has batches that the disk may not have: since when.
    unsynced: Option<Instant>,
    tend_at: Instant,
}

/// Why the committer cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("{0}")]
    Failed(String),
    #[error("the store was closed while the disk was full")]
    ClosedWhileFull,
    #[error("the committer has panicked")]
    Panicked,
    #[error("more than {0} bytes waited to be written")]
    TooMuch(usize),
    #[error("{0}")]
    GivenUp(GivenUp),
}

impl From<GivenUp> for Stop {
    fn from(given_up: GivenUp) -> Stop {
        Stop::GivenUp(given_up)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Stop {
        Stop::Failed(error.to_string())
    }
}

impl Committer {
    /// Runs until the store is closed or has failed.
    pub(crate) fn run(mut self) {
        // The engine is not used again after a panic.
        let result = catch_unwind(AssertUnwindSafe(|| self.commit_all()));
        if let Err(stop) = result.unwrap_or(Err(Stop::Panicked)) {
            log::error!("the store keeps nothing any more: {stop}");
            self.inbox.break_off();
            self.tell(Health::Failed(stop.to_string().into()));
        }
    }

    fn commit_all(&mut self) -> Result<(), Stop> {
        let mut work = Work {
            batch: Batch::default(),
            writes: Vec::new(),
            unsynced: None,
            tend_at: Instant::now() + TEND_EVERY,
        };
        let mut groups = Groups::default();
        loop {
            let sync_at = work.unsynced.map(|since| since + SYNC_EVERY);
            let deadline = sync_at.map_or(work.tend_at, |at| at.min(work.tend_at));
            let taken = self.inbox.take(&mut groups, deadline);
            self.status.begin_step()?;
            self.commit(&mut groups, taken.sequence, &mut work)?;
            if taken.is_broken {
                return Err(Stop::TooMuch(self.options.max_pending));
            }
            if taken.is_closing {
                return self.close(&mut work);
            }
            self.tend(&mut work)?;
            self.status.end_step()?;
        }
    }

    /// Makes `groups` durable, and says so.
    fn commit(
        &mut self,
        groups: &mut Groups,
        sequence: Sequence,
        work: &mut Work,
    ) -> Result<(), Stop> {
        if sequence == self.mark.sequence {
            return Ok(());
        }
        let engine = self.engine.as_ref().ok_or_else(closed)?;
        groups.drain(
            &mut (&mut work.batch, &mut self.index),
            |(batch, index), change| batch.apply(change, index, engine),
            |(batch, index)| batch.end(index),
        )?;
        work.batch.finish(&mut work.writes);
        self.mark.sequence = sequence;
        if !work.writes.is_empty() {
            self.write(work, false)?;
        }
        self.status.set_durable(sequence);
        self.tell(self.status.health());
        Ok(())
    }

    /// Writes what is staged with a mark, again and again if the disk is full.
    fn write(&mut self, work: &mut Work, closed: bool) -> Result<(), Stop> {
        self.mark = Mark {
            batch: self.mark.batch + 1,
            next_session: self.index.next_session,
            next_message: self.index.next_message,
            closed,
            ..self.mark
        };
        let (key, value) = (MARK.into(), Some(self.mark.encode().as_slice().into()));
        work.writes.push(Write { space: Space::Queues, key, value });
        let sync = match self.options.durability {
            Durability::Os if !closed => Sync::System,
            _ => Sync::Disk,
        };
        while let Err(error) = self.try_write(&work.writes, sync)? {
            self.heal(error)?;
        }
        // What has taken too long does not count, whatever became of it.
        self.status.next_step()?;
        work.writes.clear();
        work.writes.shrink_to(MAX_KEPT);
        if sync == Sync::Disk {
            self.is_synced(work);
        } else if work.unsynced.is_none() {
            work.unsynced = Some(Instant::now());
        }
        self.tell_well();
        Ok(())
    }

    fn tell_well(&self) {
        if self.status.health() != Health::Well {
            log::info!("the store keeps what is handed over again");
            self.tell(Health::Well);
        }
    }

    fn try_write(&self, writes: &[Write], sync: Sync) -> Result<Result<(), EngineError>, GivenUp> {
        let Some(engine) = &self.engine else {
            return Ok(Err(EngineError::Broken("the journal is not open".to_owned())));
        };
        loop {
            match engine.is_behind() {
                Ok(false) => return Ok(engine.write(writes, sync)),
                // Whoever looks counts that as one step, however often it is asked.
                Ok(true) if self.status.is_given_up() => return Err(GivenUp),
                Ok(true) => std::thread::park_timeout(Duration::from_millis(5)),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Opens the journal anew once there is space again. It holds the failed batch or not; what is written
    /// next is the same batch, so either is right.
    fn heal(&mut self, error: EngineError) -> Result<(), Stop> {
        self.engine = None;
        healing::must_be_full(error, &self.dir)?;
        if self.status.health() == Health::Well {
            log::error!("the disk is full: nothing is acknowledged that must be kept");
            self.tell(Health::Full);
        }
        loop {
            self.status.end_step()?;
            if self.inbox.pause(self.options.retry) {
                return Err(Stop::ClosedWhileFull);
            }
            self.status.begin_step()?;
            match healing::open_again(&self.dir, self.mark.identity) {
                Ok(engine) => {
                    self.engine = Some(engine);
                    return Ok(());
                }
                Err(error) => healing::must_be_full(error, &self.dir)?,
            }
        }
    }

    /// What is to be done now and then.
    fn tend(&mut self, work: &mut Work) -> Result<(), Stop> {
        let now = Instant::now();
        let result = match &self.engine {
            Some(engine) if work.unsynced.is_some_and(|since| now >= since + SYNC_EVERY) => {
                let result = engine.sync();
                self.is_synced(work);
                result
            }
            Some(engine) if now >= work.tend_at => {
                work.tend_at = now + TEND_EVERY;
                self.index.forget_early();
                engine.tend()
            }
            _ => Ok(()),
        };
        // What opens it again brings all of it to the disk.
        result.or_else(|error| self.heal(error).map(|()| self.tell_well()))
    }

    fn is_synced(&mut self, work: &mut Work) {
        self.mark.synced = self.mark.batch;
        work.unsynced = None;
    }

    /// The last batch says that nothing was cut off, and that all before it is on the disk: what cannot be read
    /// of that later is damage.
    fn close(&mut self, work: &mut Work) -> Result<(), Stop> {
        if work.unsynced.is_some() {
            let result = self.engine.as_ref().map_or(Ok(()), Engine::sync);
            self.is_synced(work);
            result.or_else(|error| self.heal(error))?;
        }
        self.write(work, true)?;
        self.engine = None;
        Ok(self.status.end_step()?)
    }

    fn tell(&self, health: Health) {
        self.status.set_health(health);
        (self.report)(Progress { durable: self.status.durable(), health: self.status.health() });
    }
}

fn closed() -> Stop {
    Stop::Failed("the journal is not open".to_owned())
}

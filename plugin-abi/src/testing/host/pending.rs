//! Answers that come later.

use std::{collections::BTreeMap, ffi::c_void, sync::PoisonError, time::Duration};

use super::{Host, Recorder};
use crate::{raw, testing::Answer};

/// The tickets that were given out, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    last: u64,
    open: BTreeMap<u64, Ticket>,
}

#[derive(Debug)]
struct Ticket {
    /// Where the hook that it was given for takes its answer; 0 once the hook has ended.
    answer: usize,
    deadline: Duration,
    /// When it is too late, in milliseconds of the host's clock.
    due: u64,
    /// The test knows of it.
    taken: bool,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    ToCome,
    Come(i32, Vec<(u32, Vec<u8>)>),
    TooLate,
}

/// An answer that a hook has promised for later.
#[derive(Debug)]
pub struct Pending {
    recorder: &'static Recorder,
    ticket: u64,
    deadline: Duration,
}

impl Host {
    /// Waits for the first answer that hooks have promised for later, and that was not waited for yet.
    ///
    /// ```
    /// # use plugin_abi::{BeforeConnect, Config, Host, Plugin, Result, Verdict, testing::{self, Answer, json}};
    /// # use std::time::Duration;
    /// # struct Slow(Host);
    /// # impl Plugin for Slow {
    /// #     fn bootstrap(host: Host, _config: Config) -> Result<Self> { Ok(Slow(host)) }
    /// #     fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
    /// #         let Some(later) = self.0.later(event, Duration::from_secs(1)) else { return Verdict::Veto };
    /// #         std::thread::spawn(move || later.complete(true));
    /// #         Verdict::Pending
    /// #     }
    /// # }
    /// let host = testing::Host::new();
    /// let slow = testing::start::<Slow>(&host, json!({})).unwrap();
    /// assert_eq!(slow.on_before_connect(&testing::BeforeConnect::of("c")), Answer::Pending);
    /// assert_eq!(host.completion(), Answer::Continue);
    /// ```
    ///
    /// # Panics
    ///
    /// If none was promised, or it has not come within ten seconds.
    #[track_caller]
    pub fn completion(&self) -> Answer {
        let first = self.recorder.lock().pending.take(1).pop();
        match first {
            Some(first) => self.pending_of(first).wait(),
            None => panic!("no hook has promised an answer for later"),
        }
    }

    /// The answers that hooks have promised for later, in the order of their calls, but for those that the
    /// test knows of already.
    pub fn take_pending(&self) -> Vec<Pending> {
        let taken = self.recorder.lock().pending.take(usize::MAX);
        taken.into_iter().map(|it| self.pending_of(it)).collect()
    }

    fn pending_of(&self, (ticket, deadline): (u64, Duration)) -> Pending {
        Pending { recorder: self.recorder, ticket, deadline }
    }
}

impl Pending {
    /// How long the plugin has said that it may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Waits for it. One that has not come when the host's clock passes its deadline has failed.
    ///
    /// # Panics
    ///
    /// If it has not come within ten seconds.
    #[track_caller]
    pub fn wait(self) -> Answer {
        let is_to_come = |world: &mut super::World| world.pending.is_to_come(self.ticket);
        let waited = self.recorder.completed.wait_timeout_while(
            self.recorder.lock(),
            Duration::from_secs(10),
            is_to_come,
        );
        let (mut world, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let ticket = world.pending.open.remove(&self.ticket);
        drop(world);
        match ticket.map(|ticket| ticket.outcome) {
            Some(Outcome::Come(code, parts)) => Answer::new(code, &parts, None),
            Some(Outcome::TooLate) => {
                Answer::Failed(format!("its answer has not come within {:?}", self.deadline))
            }
            Some(Outcome::ToCome) | None => panic!("the answer has not come within ten seconds"),
        }
    }
}

impl Tickets {
    pub(super) fn give(&mut self, answer: *const c_void, milliseconds: u32, now: u64) -> u64 {
        self.last += 1;
        let ticket = Ticket {
            answer: answer.addr(),
            deadline: Duration::from_millis(milliseconds.into()),
            due: now + u64::from(milliseconds),
            taken: false,
            outcome: Outcome::ToCome,
        };
        self.open.insert(self.last, ticket);
        self.last
    }

    /// A hook that answers otherwise has no use for its tickets.
    pub(super) fn hook_has_ended(&mut self, answer: *const c_void, is_pending: bool) {
        self.open.retain(|_, ticket| is_pending || ticket.answer != answer.addr());
        let of_it = self.open.values_mut().filter(|ticket| ticket.answer == answer.addr());
        of_it.for_each(|ticket| ticket.answer = 0);
    }

    pub(super) fn complete(
        &mut self,
        ticket: u64,
        code: i32,
        parts: Vec<(u32, Vec<u8>)>,
    ) -> Result<(), i32> {
        match self.open.get_mut(&ticket) {
            Some(ticket) if matches!(ticket.outcome, Outcome::ToCome) => {
                // What means nothing is a failure.
                let code = if code == raw::PENDING { raw::FAILED } else { code };
                ticket.outcome = Outcome::Come(code, parts);
                Ok(())
            }
            _ => Err(raw::NOT_THERE),
        }
    }

    pub(super) fn expire(&mut self, now: u64) {
        for ticket in self.open.values_mut() {
            if matches!(ticket.outcome, Outcome::ToCome) && ticket.due <= now {
                ticket.outcome = Outcome::TooLate;
            }
        }
    }

    fn take(&mut self, most: usize) -> Vec<(u64, Duration)> {
        let known = self.open.iter_mut().filter(|(_, ticket)| !ticket.taken && ticket.answer == 0);
        known
            .take(most)
            .map(|(number, ticket)| {
                ticket.taken = true;
                (*number, ticket.deadline)
            })
            .collect()
    }

    fn is_to_come(&self, ticket: u64) -> bool {
        self.open.get(&ticket).is_some_and(|it| matches!(it.outcome, Outcome::ToCome))
    }
}

//! The clock of a host, which stands still until the test moves it, and the timers.

use std::time::Duration;

use super::{
    Host,
    seat::{Seat, Timer},
};
use crate::{
    raw::{self, EventPtr},
    testing::{client::size, log_line::Log},
};

impl Host {
    /// Moves the clock: calls `on_tick` of the timers that come due, in their order, ends what has so long
    /// to live, and lets answers be too late that had so long to come. A panic in `on_tick` is in the
    /// [`logs`](Self::logs).
    pub fn advance(&self, time: Duration) {
        let end = self.recorder.lock().now + time.as_millis() as u64;
        let seats = Seat::of(self.recorder);
        while let Some((seat, id, due)) = first_due(&seats, end) {
            self.recorder.lock().now = due;
            self.tick(seat, id);
        }
        let mut world = self.recorder.lock();
        world.now = end;
        world.pending.expire(end);
        drop(world);
        self.recorder.completed.notify_all();
    }

    fn tick(&self, seat: &Seat, id: u64) {
        let instance = seat.instance();
        let Some(plugin) = *instance else { return };
        let event = raw::Tick {
            size: size::<raw::Tick<'_>>(),
            reserved: 0,
            id,
            _borrowed: std::marker::PhantomData,
        };
        let (code, panic) = plugin.callee.call("on_tick", || {
            // SAFETY: the instance is alive while the seat is locked, and of the type that the function
            // is for.
            unsafe { (plugin.on_tick)(plugin.instance.as_ptr(), EventPtr::from(&event).cast()) }
        });
        if code != raw::CONTINUE && panic.is_none() {
            let text = format!("on_tick answered {code}");
            self.recorder.record(Log { level: log::Level::Error, target: String::new(), text });
        }
    }
}

/// Takes the timer out that is due first, and no later than `end`; sets it anew if it goes on.
fn first_due<'a>(seats: &[&'a Seat], end: u64) -> Option<(&'a Seat, u64, u64)> {
    let due = |seat: &&'a Seat| {
        let timers = seat.timers();
        let first = timers.iter().min_by_key(|(_, timer)| timer.due);
        first.map(|(id, timer)| (*seat, *id, *timer))
    };
    let (seat, id, timer) = seats.iter().filter_map(due).min_by_key(|(.., timer)| timer.due)?;
    if timer.due > end {
        return None;
    }
    let mut timers = seat.timers();
    match timer.every {
        0 => timers.remove(&id),
        every => timers.insert(id, Timer { due: timer.due + every, every }),
    };
    Some((seat, id, timer.due))
}

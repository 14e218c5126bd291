//! A line a second about how a run goes, on stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::clock::{self, seconds};
use crate::course::Course;
use crate::line::count;
use crate::settings::Settings;

/// Whether somebody watches.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Does `work`, and tells how it goes meanwhile if the settings say so.
pub(crate) fn during<T: Send>(
    settings: &Settings,
    course: &Course,
    work: impl FnOnce() -> T + Send,
) -> T {
    if !settings.progress {
        return work();
    }
    thread::scope(|scope| {
        // Closed when `work` is done, however it ends.
        let (_working, done) = channel();
        scope.spawn(move || tell(course, &done));
        work()
    })
}

fn tell(course: &Course, done: &Receiver<()>) {
    let begun = clock::now();
    let (mut sent, mut received) = (0, 0);
    while done.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        let (ready, now) = (course.ready.load(Relaxed), clock::now());
        let (all_sent, all_received) = (course.sent.load(Relaxed), course.received.load(Relaxed));
        // Nobody may be there to read it any more.
        let _ = writeln!(
            io::stderr(),
            "{:4.0} s  connected {}  sent {} ({}/s)  received {} ({}/s)",
            seconds(now - begun),
            count(ready),
            count(all_sent),
            count(all_sent - sent),
            count(all_received),
            count(all_received - received),
        );
        (sent, received) = (all_sent, all_received);
    }
}

//! `idle`: many connections on which little happens.

use std::time::Duration;

use mqtt::QoS;

use crate::clock::{self, seconds};
use crate::course::{Course, End};
use crate::files;
use crate::line::{self, several};
use crate::options::{RunOptions, duration, positive};
use crate::part::Part;
use crate::process::{Memory, Meter, Process};
use crate::progress;
use crate::report::{Report, round, whole};
use crate::settings::Settings;
use crate::tracker::Tracker;
use crate::trouble::BenchError;
use crate::worker::Worker;

#[derive(clap::Args)]
pub(crate) struct Idle {
    /// How many clients connect and stay, each with one subscription
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = positive())]
    connections: u32,
    /// How long they stay
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    hold: Duration,
    /// How often each sends a PINGREQ meanwhile; 0s: never, whatever the keep alive
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    ping: Duration,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

/// How long the broker gets to come to rest before its memory is looked at.
const REST: Duration = Duration::from_secs(1);

impl Idle {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let settings = self.run.settings()?;
        files::allow(self.connections.into())?;
        let held = format!("held for {} s", self.hold.as_secs_f64());
        let what = format!("{}, {held}", several(self.connections, "connection"));
        let mut report = Report::new("idle", &what, &settings);
        report.set("connections", self.connections);
        let course = Course::new(&settings, 0, 0);
        progress::during(&settings, &course, || self.hold(&settings, &course, &mut report))?;
        Ok(report)
    }

    fn hold(
        &self,
        settings: &Settings,
        course: &Course,
        report: &mut Report,
    ) -> Result<(), BenchError> {
        let mut worker = Worker::new(settings, course)?;
        let before = memory(settings.broker);
        let subscriber = |i| {
            let filter = format!("{}/idle/{i}", settings.prefix);
            Part::subscriber(&settings.prefix, i, filter, QoS::AtMostOnce, Tracker::Nothing)
        };
        let begun = clock::now();
        let is_ready = worker.connect((0..self.connections).map(subscriber), false);
        let connecting = clock::now() - begun;
        if !is_ready {
            report.end(End::NotConnected, &worker.finish());
            return Ok(());
        }
        worker.linger(REST);
        let open = memory(settings.broker);
        let (meter, begun) = (Meter::start(settings.broker), clock::now());
        let is_late = self.stay(&mut worker, course);
        let (usage, took) = (meter.stop(), clock::now() - begun);
        let figures = worker.finish();
        report.end(if is_late { End::TimedOut } else { End::Done }, &figures);

        let rate = f64::from(self.connections) / seconds(connecting);
        report.set("connect_seconds", round(seconds(connecting)));
        report.set("connected_per_second", round(rate));
        report.set("hold_seconds", round(seconds(took)));
        report.line("connected", format!("in {:.2} s: {}/s", seconds(connecting), whole(rate)));
        report.times("connect_us", "to CONNACK", &figures.connect);
        if let (Some(before), Some(open)) = (before, open) {
            let grown = open.now.saturating_sub(before.now) * 1024;
            let each = grown / u64::from(self.connections);
            report.set("bytes_per_connection", each);
            let (before, open) = (line::memory(before.now), line::memory(open.now));
            let each = line::count(each);
            report.line("memory", format!("{before} to {open}, {each} bytes for each connection"));
        }
        let pings = figures.ping.len();
        report.set("pings", pings);
        report.line("pings", line::count(pings));
        report.times("ping_us", "answered", &figures.ping);
        report.usage("", &usage, took, pings, "ping");
        Ok(())
    }

    /// True: it took too long.
    fn stay(&self, worker: &mut Worker<'_>, course: &Course) -> bool {
        let begun = clock::now();
        let hold = self.hold.as_nanos() as u64;
        // From one ping to the next, of another client.
        let step = self.ping.as_nanos() as u64 / u64::from(self.connections);
        let mut pinged = 0;
        loop {
            let now = clock::now();
            if now - begun >= hold || course.is_late(now) {
                break;
            }
            let due = if self.ping.is_zero() { 0 } else { (now - begun) / step.max(1) };
            while pinged < due {
                worker.ping((pinged % u64::from(self.connections)) as usize);
                pinged += 1;
            }
            worker.wait(Duration::from_millis(5));
        }
        worker.await_pings();
        course.is_late(clock::now())
    }
}

fn memory(broker: Option<Process>) -> Option<Memory> {
    broker.and_then(Process::memory)
}

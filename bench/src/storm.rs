//! `connect`: many short connections.

use crate::clock;
use crate::course::{Course, End};
use crate::files;
use crate::line::{self, several};
use crate::options::{RunOptions, positive};
use crate::part::Part;
use crate::process::Meter;
use crate::progress;
use crate::report::{Report, round, whole};
use crate::trouble::BenchError;
use crate::worker::Worker;

#[derive(clap::Args)]
pub(crate) struct Storm {
    /// How many clients connect, and disconnect as soon as they are connected
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = positive())]
    connections: u32,
    #[command(flatten)]
    pub(crate) run: RunOptions,
}

impl Storm {
    pub(crate) fn measure(&self) -> Result<Report, BenchError> {
        let settings = self.run.settings()?;
        files::allow(settings.concurrency as u64)?;
        let what = format!(
            "{}, {} at once",
            several(self.connections, "connection"),
            line::count(settings.concurrency as u64)
        );
        let mut report = Report::new("connect", &what, &settings);
        report.set("connections", self.connections);
        report.set("concurrency", settings.concurrency);
        let course = Course::new(&settings, 0, 0);
        let mut worker = Worker::new(&settings, &course)?;
        let visitor = |i| Part {
            client_id: format!("{}-c{i}", settings.prefix),
            only_visits: true,
            ..Part::default()
        };
        let (meter, begun) = (Meter::start(settings.broker), clock::now());
        let parts = (0..self.connections).map(visitor);
        progress::during(&settings, &course, || worker.connect(parts, true));
        let usage = meter.stop();
        let is_late = course.is_late(clock::now());
        let figures = worker.finish();
        let took = figures.last.saturating_sub(begun).max(1);
        let connected = figures.connect.len();
        let rate = connected as f64 / clock::seconds(took);
        report.end(if is_late { End::TimedOut } else { End::Done }, &figures);
        report.set("seconds", round(clock::seconds(took)));
        report.set("connected", connected);
        report.set("connected_per_second", round(rate));
        let (all, seconds) = (line::count(connected), clock::seconds(took));
        report.line("connected", format!("{all} in {seconds:.2} s: {}/s", whole(rate)));
        report.times("connect_us", "to CONNACK", &figures.connect);
        report.usage("", &usage, took, connected, "connection");
        Ok(report)
    }
}

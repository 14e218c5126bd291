//! Options that several loads have.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use mqtt::{QoS, Version};

use crate::clock;
use crate::process::Process;
use crate::progress;
use crate::publisher::Messages;
use crate::settings::Settings;
use crate::stamp::Stamp;
use crate::trouble::BenchError;

/// Where the broker is, and how the run is to go.
#[derive(clap::Args)]
#[command(next_help_heading = "Broker and run")]
pub(crate) struct RunOptions {
    /// Name or address of the broker
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port of the broker
    #[arg(long, value_name = "PORT", default_value_t = 1883)]
    port: u16,
    /// Version of MQTT: 3.1, 3.1.1 or 5
    #[arg(long, value_name = "VERSION", default_value = "3.1.1", value_parser = version)]
    protocol: Version,
    /// User name of all clients
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Password of all clients
    #[arg(long, value_name = "PASSWORD", requires = "username")]
    password: Option<String>,
    /// Addresses of this machine to connect from, in turn; each has ports for some 28,000 connections
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    source: Vec<IpAddr>,
    /// Process id of the broker, if it runs on this machine: its CPU time and memory are told too
    #[arg(long, value_name = "PID")]
    broker_pid: Option<i32>,
    /// Keep alive of the clients in seconds; 0: none
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    keep_alive: u16,
    /// How many connections may be under way at once
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = positive())]
    concurrency: u32,
    /// What topics and client identifiers begin with [default: another one for each run]
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Give up when nothing has come for so long
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    stall: Duration,
    /// Give up after so long [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// A line a second about how it goes, on stderr [default: on a terminal]
    #[arg(long)]
    progress: bool,
    /// Print the result as a line of JSON, on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is published.
#[derive(clap::Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct MessageOptions {
    /// QoS to publish and to subscribe with
    #[arg(short, long, value_name = "QOS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// Size of a payload in bytes, 20 at least
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    payload: usize,
    /// Messages of each publisher [default: as many as go into --duration]
    #[arg(short = 'n', long, value_name = "NUMBER")]
    messages: Option<u32>,
    /// How long to publish [default: 10s, or as long as --messages take]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    duration: Option<Duration>,
    /// Messages a second of each publisher [default: as many as the broker takes]
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    rate: Option<f64>,
    /// How many messages of a publisher may be unacknowledged [default: 100 at QoS 1, 20 at QoS 2]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    inflight: Option<u16>,
    /// Without --rate: how many deliveries may be on their way before publishers wait
    #[arg(long, value_name = "NUMBER", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    backlog: u64,
    /// How long packets gather before this program looks at them [default: 100us; with --rate or a small --inflight 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    gather: Option<Duration>,
    /// Threads of this program
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
}

impl RunOptions {
    /// Blocks on the resolver.
    pub(crate) fn settings(&self) -> Result<Settings, BenchError> {
        let host = || self.host.clone();
        let addresses: Vec<_> = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| BenchError::Host { host: host(), error })?
            .collect();
        // The brokers of most machines listen to IPv4 alone on the loopback interface.
        let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
        let (now, run) = (clock::now(), some_run());
        let after = |time: Duration| now.saturating_add(nanoseconds(time));
        Ok(Settings {
            address: *address.ok_or_else(|| BenchError::NoAddress(host()))?,
            version: self.protocol,
            username: self.username.clone(),
            password: self.password.clone(),
            sources: self.source.clone(),
            broker: self.broker_pid.map(Process::new).transpose()?,
            keep_alive: self.keep_alive,
            concurrency: self.concurrency as usize,
            threads: 1,
            prefix: self.prefix.clone().unwrap_or_else(|| format!("bench-{run:08x}")),
            run,
            stall: nanoseconds(self.stall),
            deadline: self.timeout.map_or(u64::MAX, after),
            gather: Duration::ZERO,
            backlog: u64::MAX,
            window: 1,
            progress: self.progress || progress::is_watched(),
        })
    }
}

impl MessageOptions {
    /// Takes up what stands here into the settings, and returns what a publisher sends: so many messages
    /// if nothing is said about it, or as many as go into ten seconds. Its topic and who gets it are left
    /// open.
    pub(crate) fn take_up(
        &self,
        settings: &mut Settings,
        usually: Option<u32>,
    ) -> Result<Messages, BenchError> {
        if !(Stamp::LEN..=MAX_PAYLOAD).contains(&self.payload) {
            return Err(BenchError::Payload(self.payload));
        }
        let interval = self.rate.map_or(0, |rate| (clock::SECOND as f64 / rate) as u64);
        let inflight = self.inflight();
        let usual = if self.rate.is_some() || inflight < 50 { 0 } else { 100 };
        settings.gather = self.gather.unwrap_or(Duration::from_micros(usual));
        settings.window = inflight;
        settings.backlog = self.backlog;
        settings.threads = self.threads as usize;
        settings.stall = settings.stall.max(interval.saturating_mul(2));
        let (count, lasts) = match (self.messages.or(usually), self.duration) {
            (None, None) => (u32::MAX, 10 * clock::SECOND),
            (None, Some(duration)) => (u32::MAX, nanoseconds(duration)),
            (Some(count), None) => (count, u64::MAX),
            (Some(count), Some(duration)) => (count, nanoseconds(duration)),
        };
        Ok(Messages {
            topic: String::new(),
            numbered: false,
            qos: self.qos(),
            retain: false,
            size: self.payload,
            count,
            lasts,
            interval,
            deliveries: 0,
        })
    }

    /// A broker of 3.1.1 cannot say how many messages at QoS 2 it keeps in mind. Mosquitto keeps 20, and
    /// closes the connection of who sends more.
    fn inflight(&self) -> u16 {
        self.inflight.unwrap_or(if self.qos == 2 { 20 } else { 100 })
    }

    pub(crate) fn qos(&self) -> QoS {
        QoS::from_bits(self.qos).unwrap_or(QoS::AtMostOnce)
    }

    /// For what is said about the run.
    pub(crate) fn describe(&self) -> String {
        let rate = self.rate.map(|rate| format!(", {rate} messages a second each"));
        format!("QoS {}, {} bytes{}", self.qos, self.payload, rate.unwrap_or_default())
    }
}

/// With room for a topic in the packet, whose length is at most 268,435,455.
pub(crate) const MAX_PAYLOAD: usize = 268_000_000;

/// Another one for each run, so that what was left behind by one does not disturb the next. With a prefix of
/// it client identifiers have 23 bytes at most: a broker of 3.1.1 need not take more.
fn some_run() -> u32 {
    clock::now() as u32 ^ std::process::id() << 16
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn positive() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

fn version(text: &str) -> Result<Version, String> {
    let is_named = |version: &Version| {
        let name = version.to_string();
        text == name || Some(text) == name.strip_suffix(".0")
    };
    let found = (0..=u8::MAX).filter_map(Version::from_level).find(is_named);
    found.ok_or_else(|| "3.1, 3.1.1 and 5 are spoken here".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (1e-3..=1e9).contains(rate));
    rate.ok_or_else(|| "a number above 0".to_owned())
}

/// `500us`, `20ms`, `10s`, `2m`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let parts = text.split_at_checked(end);
    let read = parts.and_then(|(number, unit)| {
        let number: u64 = number.parse().ok()?;
        let microseconds = match unit {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return None,
        };
        number.checked_mul(microseconds)
    });
    read.map(Duration::from_micros)
        .ok_or_else(|| "a duration such as 500us, 20ms, 10s, 2m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{duration, rate, version};
    use std::time::Duration;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("100us"), Ok(Duration::from_micros(100)));
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_have_their_names() {
        let level = |text| version(text).map(mqtt::Version::level);
        assert_eq!(
            [level("3.1"), level("3.1.1"), level("5"), level("5.0")].map(Result::unwrap),
            [3, 4, 5, 5]
        );
        assert!(version("4").is_err() && version("").is_err());
    }

    #[test]
    fn a_rate_is_above_zero() {
        assert_eq!(rate("0.5"), Ok(0.5));
        assert!(["0", "-1", "x", "inf", "NaN"].iter().all(|text| rate(text).is_err()));
    }
}

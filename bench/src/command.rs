//! The arguments of `hookmq bench`, and what it does with them.

use std::process::ExitCode;

use crate::idle::Idle;
use crate::report::Report;
use crate::stored::{Offline, Retained};
use crate::storm::Storm;
use crate::traffic::{FanIn, FanOut, Pairs, Shared};
use crate::trouble::BenchError;

macro_rules! exit_status {
    () => {
        "\
Exit status: 0 if all went well, 1 if messages were lost at QoS 1 or 2, came twice at QoS 2 or were refused,
or a connection was refused or broke, 2 if the arguments are wrong, 69 if the broker was not reached."
    };
}

/// Put load on a broker, this one or another, and measure what becomes of it
#[derive(clap::Args)]
#[command(after_help = concat!("\
Examples:
  hookmq bench fan-out                            one publisher, twenty subscribers, ten seconds
  hookmq bench pairs -q 1 --rate 10               latency under a steady load
  hookmq bench connect --host broker.example      how fast clients get in
  hookmq bench fan-in --broker-pid $(pidof hookmq) --json

Whatever speaks MQTT can be measured. A broker on another machine shows what its network does, too; one
on this machine shares its CPUs with the load. `hookmq bench LOAD --help` has the options of each load.

", exit_status!()))]
pub struct Bench {
    #[command(subcommand)]
    load: Load,
}

#[derive(clap::Subcommand)]
enum Load {
    /// Few publish to one topic, many subscribe to it
    #[command(after_help = concat!("\
Examples:
  hookmq bench fan-out                                   20 subscribers, as fast as it goes, ten seconds
  hookmq bench fan-out --subscribers 1000 --rate 5       five messages a second to a thousand
  hookmq bench fan-out -n 100000 -q 1 --protocol 5       so many messages, at QoS 1, over MQTT 5

", exit_status!()))]
    FanOut(FanOut),
    /// Many publish, each to a topic of its own; few subscribe to all of them
    #[command(after_help = concat!("\
Examples:
  hookmq bench fan-in -q 1                               50 publishers to one subscriber, at QoS 1
  hookmq bench fan-in --publishers 1000 --rate 1         a thousand devices, each once a second

", exit_status!()))]
    FanIn(FanIn),
    /// As many publishers as subscribers, two by two
    #[command(after_help = concat!("\
Examples:
  hookmq bench pairs -q 1                                100 pairs, as fast as it goes
  hookmq bench pairs --pairs 1000 --rate 10 -q 1         latency at ten thousand messages a second
  hookmq bench pairs --payload 65536 --duration 30s      large messages

", exit_status!()))]
    Pairs(Pairs),
    /// Many publish, and the members of one shared subscription share the work
    #[command(after_help = concat!("\
The filter is $share/bench/…, which brokers of MQTT 3.1.1 take too, most of them.

Examples:
  hookmq bench shared -q 1                               50 publishers, 4 members
  hookmq bench shared --subscribers 16 --protocol 5      more members, over MQTT 5

", exit_status!()))]
    Shared(Shared),
    /// Clients connect, and disconnect at once
    #[command(after_help = concat!("\
Each connection takes a local port, which is not free again for a minute: where there are too few, --source
names more addresses of this machine.

Examples:
  hookmq bench connect                                   10,000 connections, 64 at once
  hookmq bench connect --connections 100000 --source 127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4

", exit_status!()))]
    Connect(Storm),
    /// Clients connect, subscribe and stay
    #[command(after_help = concat!("\
With --broker-pid it says how much memory each connection takes. The limit of open files of this process is
raised as far as may be; the broker's is its own.

Examples:
  hookmq bench idle --broker-pid $(pidof hookmq)         10,000 connections, held for ten seconds
  hookmq bench idle --connections 1000 --hold 10m --ping 60s

", exit_status!()))]
    Idle(Idle),
    /// Messages are retained, each under a topic of its own; then subscribers come and get all of them
    #[command(after_help = concat!("\
There is one publisher, and unless -n says otherwise 10,000 messages. They are removed afterwards.

Examples:
  hookmq bench retained                                  10,000 messages, one subscriber
  hookmq bench retained -n 100000 --subscribers 10 -q 1

", exit_status!()))]
    Retained(Retained),
    /// Messages wait for subscribers that are away; then these come back and get all of them
    #[command(after_help = concat!("\
Each publisher has 10,000 messages, unless -n says otherwise; their QoS is 1 or 2. The sessions are removed
afterwards.

Examples:
  hookmq bench offline -q 1                              10,000 messages for 10 sessions
  hookmq bench offline -q 2 -n 1000 --subscribers 500 --protocol 5

", exit_status!()))]
    Offline(Offline),
}

impl Bench {
    /// Prints what it has measured. Blocks until that is over.
    pub fn run(&self) -> ExitCode {
        let (measured, json) = self.load.measure();
        match measured {
            Ok(report) => report.print(json),
            Err(error) => {
                eprintln!("{error}");
                error.exit_code()
            }
        }
    }
}

impl Load {
    /// And whether it is wanted as JSON.
    fn measure(&self) -> (Result<Report, BenchError>, bool) {
        match self {
            Load::FanOut(load) => (load.measure(), load.traffic.run.json),
            Load::FanIn(load) => (load.measure(), load.traffic.run.json),
            Load::Pairs(load) => (load.measure(), load.traffic.run.json),
            Load::Shared(load) => (load.measure(), load.traffic.run.json),
            Load::Connect(load) => (load.measure(), load.run.json),
            Load::Idle(load) => (load.measure(), load.run.json),
            Load::Retained(load) => (load.measure(), load.run.json),
            Load::Offline(load) => (load.measure(), load.run.json),
        }
    }
}

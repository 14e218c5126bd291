//! Power cuts of a broker that promises less than the disk: what is lost is the end of what each publisher was
//! told, and no more than the last seconds of it; never a hole.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mqtt::{Packet, QoS};

use crate::broker::{Broker, Start};
use crate::connection::{Incoming, Login, Lost, Message};
use crate::ledger::{Label, Ledger, Moment, Stream};
use crate::load::version;
use crate::pause::pause;
use crate::power::PowerCut;
use crate::publisher::Publisher;
use crate::random::Random;
use crate::report::Report;
use crate::rounds::{Rounds, Trouble as _};
use crate::scene::{Phase, Scene};

/// What came may take so long to begin.
const QUIET: Duration = Duration::from_secs(2);

const PUBLISHERS: usize = 4;

/// What was acknowledged so long before the cut must be there: far more than the second that the broker speaks of.
const PAST: Duration = Duration::from_secs(3);

/// A broker lives so long, for there to be something before, and so much longer by chance.
const LIFE: Duration = Duration::from_secs(4);

impl Rounds {
    /// Each round has a broker of its own, which lives 4 seconds at least and up to `longest`, with clients that
    /// were subscribed and are away when the power goes. Blocks.
    pub fn run_tails(&self, progress: &mut dyn FnMut(&str)) -> Report {
        let mut random = Random::new(self.seed);
        let mut report = Report::new("power", self.seed);
        for round in 1..=self.rounds {
            match self.tail(round, &mut random, &mut report) {
                Ok(kept) => progress(&format!("round {round} of {}: {kept}", self.rounds)),
                Err(error) => report.said.push(error),
            }
            if !report.is_good() {
                break;
            }
        }
        report
    }

    fn tail(&self, round: u32, random: &mut Random, report: &mut Report) -> Result<String, String> {
        let mut start = self.start.clone();
        start.folder = start.folder.join(format!("round-{round}"));
        std::fs::create_dir_all(&start.folder).map_err(|error| error.to_string())?;
        let mut cut = PowerCut::default();
        cut.before(&mut start, random);
        let broker = start.start()?;
        let streams = (0..PUBLISHERS).map(|index| {
            let qos = if index % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            Stream::new(format!("t/{index}"), qos)
        });
        let scene = Arc::new(Scene::new(String::new(), Ledger::new(streams.collect())));
        let receivers = [4, 5].map(|level| Login::persistent(version(level), format!("r-{level}")));
        for login in &receivers {
            subscribe(login, &broker).map_err(|lost| format!("{lost:?}"))?;
        }
        let more = self.longest.saturating_sub(LIFE).as_millis() as u64;
        let life = LIFE + Duration::from_millis(random.below(more + 1));
        let past = publish(&scene, broker, life, random);
        report.kills += 1;
        report.verdict.acknowledged += scene.ledger.acknowledged();
        cut.after(&start, random);
        let kept = look(&start, &receivers, &scene.ledger, past, report)?;
        let of = scene.ledger.acknowledged() * receivers.len();
        Ok(format!("{kept} kept of {of} that were acknowledged after {life:?}"))
    }
}

/// At what is left when the power is back; returns how many messages came.
fn look(
    start: &Start,
    receivers: &[Login],
    ledger: &Ledger,
    past: Moment,
    report: &mut Report,
) -> Result<usize, String> {
    let broker = start.start()?;
    let collected: Vec<_> = std::thread::scope(|threads| {
        let collect = |login| collect(login, &broker, ledger);
        let spawn = |login| threads.spawn(move || collect(login));
        let threads: Vec<_> = receivers.iter().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client ends")).collect()
    });
    let mut kept = 0;
    for (login, collected) in receivers.iter().zip(collected) {
        let (came, is_present) = collected.map_err(|lost| format!("{lost:?}"))?;
        kept += came.len();
        if !is_present {
            report.verdict.faults.push(format!("{}: its session is gone", login.client_id));
        }
        judge(login, ledger, (past, &came), report);
    }
    report.verdict.delivered += kept;
    report.said.extend(broker.kill());
    Ok(kept)
}

fn subscribe(login: &Login, broker: &Broker) -> Result<(), Lost> {
    let (mut connection, _) = login.connect(broker.address())?;
    connection.subscribe(1, "t/#", QoS::ExactlyOnce)?;
    connection.expect()?;
    connection.disconnect();
    Ok(())
}

/// Until the broker is killed. Returns when it was that all acknowledged before must be kept.
fn publish(scene: &Arc<Scene>, broker: Broker, life: Duration, random: &mut Random) -> Moment {
    scene.address.set(Some(broker.address()));
    let threads = (0..PUBLISHERS).map(|index| {
        let level = if index < 2 { 4 } else { 5 };
        let login = Login::persistent(version(level), format!("p-{index}"));
        let random = random.branch(index as u64);
        let publisher = Publisher::new(scene, login, vec![index], 16, random);
        std::thread::spawn(move || publisher.run())
    });
    let threads: Vec<_> = threads.collect();
    pause(life.saturating_sub(PAST));
    let past = scene.ledger.now();
    pause(PAST);
    scene.address.set(None);
    broker.kill();
    scene.set_phase(Phase::End);
    threads.into_iter().for_each(|thread| _ = thread.join());
    past
}

/// All that comes, and whether the session was there.
fn collect(login: &Login, broker: &Broker, ledger: &Ledger) -> Result<(Vec<Label>, bool), Lost> {
    let (mut connection, is_present) = login.connect(broker.address())?;
    let (mut came, mut unreleased) = (Vec::new(), HashSet::new());
    while let Some(packet) = connection.receive(QUIET)? {
        match packet {
            Incoming::Publish(message) => {
                came.push(read(&message, ledger)?);
                if message.qos == QoS::ExactlyOnce {
                    unreleased.insert(message.packet_id);
                    connection.add_ack(Packet::PubRec, message.packet_id);
                } else {
                    connection.add_ack(Packet::PubAck, message.packet_id);
                }
            }
            Incoming::PubRel(id) => {
                unreleased.remove(&id);
                connection.add_ack(Packet::PubComp, id);
            }
            other => return Err(Lost::Wrong(format!("{other:?} for a subscriber"))),
        }
        connection.flush()?;
    }
    if !unreleased.is_empty() {
        return Err(Lost::Wrong(format!("PUBREL has not come for {unreleased:?}")));
    }
    connection.disconnect();
    Ok((came, is_present))
}

fn read(message: &Message, ledger: &Ledger) -> Result<Label, Lost> {
    let label = Label::of(&message.payload)
        .filter(|label| label.is_of(message, QoS::ExactlyOnce, ledger) && !message.retain);
    label.ok_or_else(|| Lost::Wrong(format!("{message:?}, which was not sent so")))
}

/// Of each stream all messages up to some one came, and that is none before the last acknowledged in the `past`.
fn judge(login: &Login, ledger: &Ledger, (past, came): (Moment, &[Label]), report: &mut Report) {
    for (index, stream) in ledger.streams().iter().enumerate() {
        let numbers = came.iter().filter(|label| label.stream == index).map(|label| label.number);
        let mut next = 0;
        for number in numbers {
            let what =
                format!("{}: {} {number} after {next} others", login.client_id, stream.topic);
            if number > next {
                report.verdict.lost.push(what);
                next = number + 1;
            } else if number == next {
                next += 1;
            } else if stream.qos == QoS::ExactlyOnce {
                report.verdict.twice.push(what);
            } else {
                report.verdict.again += 1;
            }
        }
        let kept = stream.all().iter().rposition(|sent| sent.acknowledged < past);
        if let Some(last) = kept.filter(|last| *last >= next) {
            let what = format!("{}: {} ends before {next}", login.client_id, stream.topic);
            report.verdict.lost.push(format!("{what}, and {last} was acknowledged long before"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 4 messages, each acknowledged at its number; the moment is 2.
    fn lost(came: &[usize]) -> usize {
        let stream = Stream::new("t/0".into(), QoS::AtLeastOnce);
        for number in 0..4 {
            stream.send(0, 0);
            stream.acknowledge(number, number as Moment);
        }
        let ledger = Ledger::new(vec![stream]);
        let came: Vec<_> = came.iter().map(|number| Label { stream: 0, number: *number }).collect();
        let mut report = Report::new("power", 0);
        let login = Login::persistent(version(5), "r".into());
        judge(&login, &ledger, (2, &came), &mut report);
        report.lost()
    }

    #[test]
    fn the_end_may_be_lost_and_nothing_else() {
        assert_eq!([lost(&[0, 1, 2, 3]), lost(&[0, 1, 2]), lost(&[0, 1])], [0; 3]);
        assert_eq!(lost(&[0]), 1, "long before");
        assert_eq!(lost(&[]), 1, "all of it");
        assert_eq!(lost(&[0, 1, 3]), 1, "a hole");
    }
}

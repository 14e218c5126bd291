//! docs/performance.md and its plots.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

use super::broker::Broker;
use super::load::{CURVES, LOADS, Load};
use super::plot::{self, Series, number};
use super::samples::{Sample, Samples};
use super::{machine, write as write_file};

/// Of the plots, below the folder of the page.
const FOLDER: &str = "performance";

/// Writes the page and its plots into `folder`.
pub(crate) fn write(
    folder: &Path,
    brokers: &[Broker],
    samples: &Samples,
    rounds: u32,
    seconds: u32,
) -> anyhow::Result<()> {
    let plots = folder.join(FOLDER);
    std::fs::create_dir_all(&plots).with_context(|| plots.display().to_string())?;
    let names: Vec<&str> = brokers.iter().map(|broker| broker.name.as_str()).collect();
    for (name, svg) in draw(&names, samples) {
        write_file(&plots.join(name), &svg)?;
    }
    let versions: Vec<(&str, String)> =
        brokers.iter().map(|broker| (broker.name.as_str(), broker.version())).collect();
    let how = How { machine: machine::describe(), date: machine::date(), rounds, seconds };
    write_file(&folder.join("performance.md"), &page(&how, &versions, samples))
}

struct How {
    machine: String,
    date: String,
    rounds: u32,
    seconds: u32,
}

fn page(how: &How, versions: &[(&str, String)], samples: &Samples) -> String {
    let How { machine, date, rounds, seconds } = how;
    let mut page = format!(
        "# Performance\n\n\
         Written by `cargo xtask bench`; [Measure a broker](benchmark.md) says what each load is and how to \
         read it.\n\n\
         Measured on {date}: {machine}. Each load lasts {seconds} s and was put on each broker in turn, \
         {rounds} times; the numbers are medians. Broker and load run on this one machine and share its \
         CPUs, so that throughput is what both together can do, and *CPU* is the number that tells \
         brokers apart.\n\n\
         hookmq and Mosquitto have their defaults, but that nobody has to log in, and that Mosquitto has \
         `set_tcp_nodelay` and no limit of queued messages. Others are started as the file of `--peers` \
         says.\n\n"
    );
    for (name, version) in versions {
        let _ = writeln!(page, "- {name}: {version}");
    }
    page += "\n![Throughput](performance/throughput.svg)\n\n![CPU](performance/cpu.svg)\n";
    for (curve, _) in CURVES {
        let _ = writeln!(page, "\n![{curve}, throughput](performance/{curve}-throughput.svg)");
        let _ = writeln!(page, "\n![{curve}, CPU](performance/{curve}-cpu.svg)");
    }
    page += "\n| load | broker | a second | CPU each, µs | p50, ms | p99, ms | lost |\n\
             |---|---|---:|---:|---:|---:|---:|\n";
    for load in LOADS {
        for (name, _) in versions {
            if let Some(sample) = samples.median(load.name, name) {
                page += &row(load, name, &sample);
            }
        }
    }
    page + "\nA second: deliveries, of `connect` connections. A broker may drop messages at QoS 0; what is \
            lost at QoS 1 and 2 by a full queue is counted too. *lost* is the most of all runs. `!` stands \
            with runs in which something else went wrong than a message lost at QoS 0.\n"
}

fn row(load: &Load, broker: &str, sample: &Sample) -> String {
    let Sample { per_second, cpu, p50, p99, lost, failed } = sample;
    let lost = if *lost > 0.0 { format!("{lost:.1} %") } else { String::new() };
    let failed = if *failed { " !" } else { "" };
    let (per_second, cpu) = (number(*per_second), number(*cpu));
    let (p50, p99) = (number(p50 / 1e3), number(p99 / 1e3));
    format!(
        "| {} | {broker} | {per_second} | {cpu} | {p50} | {p99} | {lost}{failed} |\n",
        load.name
    )
}

/// The plots, by the names of their files.
fn draw(brokers: &[&str], samples: &Samples) -> Vec<(String, String)> {
    let alone: Vec<&Load> = LOADS.iter().filter(|load| load.compared).collect();
    let labels: Vec<&str> = alone.iter().map(|load| load.name).collect();
    let series = |points: &[(f64, &str)], part: fn(&Sample) -> f64| -> Vec<Series> {
        let of = |broker: &str| {
            let value =
                |&(at, load): &(f64, &str)| Some((at, part(&samples.median(load, broker)?)));
            points.iter().filter_map(value).collect()
        };
        brokers.iter().map(|&name| Series { name: name.to_owned(), values: of(name) }).collect()
    };
    let numbered: Vec<(f64, &str)> =
        labels.iter().enumerate().map(|(index, load)| (index as f64, *load)).collect();
    let throughput = "Deliveries (connections) a second: more is better";
    let cpu = "CPU time of the broker for each delivery (connection), in µs: less is better";
    let mut plots = vec![
        ("throughput.svg".to_owned(), plot::bars(throughput, &labels, &series(&numbered, rate))),
        ("cpu.svg".to_owned(), plot::bars(cpu, &labels, &series(&numbered, cpu_each))),
    ];
    for (curve, axis) in CURVES {
        let mut points: Vec<(f64, &str)> =
            LOADS.iter().filter_map(|load| point(load, curve)).collect();
        points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let title = format!("{curve}: deliveries a second");
        let svg = plot::curves(&title, axis, &series(&points, rate));
        plots.push((format!("{curve}-throughput.svg"), svg));
        let title = format!("{curve}: CPU time of the broker for each delivery, in µs");
        plots.push((
            format!("{curve}-cpu.svg"),
            plot::curves(&title, axis, &series(&points, cpu_each)),
        ));
    }
    plots
}

fn rate(sample: &Sample) -> f64 {
    sample.per_second
}

fn cpu_each(sample: &Sample) -> f64 {
    sample.cpu
}

/// Where a load stands on a curve.
fn point(load: &Load, curve: &str) -> Option<(f64, &'static str)> {
    load.curve.filter(|(name, _)| *name == curve).map(|(_, at)| (at.into(), load.name))
}

#[cfg(test)]
mod tests {
    use super::{FOLDER, How, draw, page};
    use crate::bench::load::LOADS;
    use crate::bench::samples::{Sample, Samples};

    #[test]
    fn the_page_has_every_load_and_links_every_plot() {
        let mut samples = Samples::default();
        for load in LOADS {
            for (broker, per_second) in [("a", 2e6), ("b", 1e6)] {
                let sample =
                    Sample { per_second, cpu: 0.5, p50: 1e3, p99: 2e3, ..Sample::default() };
                samples.add(load.name, broker, sample);
            }
        }
        let failed = Sample { failed: true, lost: 50.0, ..Sample::default() };
        samples.add(LOADS[0].name, "b", failed);
        let how = How { machine: "M".into(), date: "D".into(), rounds: 3, seconds: 5 };
        let page = page(&how, &[("a", "1.0".into()), ("b", "2.0".into())], &samples);
        assert_eq!(
            page.lines().filter(|line| line.contains("| a | 2.00 M | 0.500 | 1 | 2 |")).count(),
            LOADS.len()
        );
        assert!(page.contains("| b | 500 k | 0.250 | 0.500 | 1 | 50.0 % ! |"), "{page}");
        let plots = draw(&["a", "b"], &samples);
        assert_eq!(page.matches(&format!("]({FOLDER}/")).count(), plots.len());
        for (name, svg) in &plots {
            assert!(page.contains(&format!("]({FOLDER}/{name})")), "{name}");
            assert!(svg.starts_with("<svg ") && !svg.contains("NaN"), "{name}: {svg}");
        }
    }
}

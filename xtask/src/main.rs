//! The commands of `cargo xtask`: build and run the broker, test it, keep the tree tidy, say
//! which statement of the standards is kept where.

mod bench;
mod clients;
mod conformance;
mod fuzz;
mod instructions;
mod packages;
mod plugins;
mod run;
mod step;
mod test;
mod tidy;
mod torture;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, run and test hookmq.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the broker and the plugins in release, put the plugins into plugins/, start the broker
    ///
    /// It serves with config.yml at the root of the project, unless the arguments name another.
    Run {
        /// What hookmq is given: cargo xtask run -- --config other.yml
        #[arg(last = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Install what the tests need, then check formatting, lints and tidiness, and run every test
    Test {
        /// Only formatting, tidiness and unit tests; nothing is installed
        #[arg(long)]
        fast: bool,
    },
    /// Check what the compiler does not: headers, sizes of files, links, tags of the standards
    Tidy,
    /// Run a fuzz target: decode, roundtrip, topic or connection
    ///
    /// Arguments are libFuzzer's: cargo xtask fuzz decode -- -max_total_time=60
    Fuzz {
        /// The target
        target: String,
        /// What libFuzzer is given
        #[arg(last = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Measure hookmq against Mosquitto and other brokers, and write docs/performance.md
    Bench(bench::Bench),
    /// Count the instructions of the micro-benchmarks with Callgrind, and compare them with those committed
    ///
    /// Fails if a case takes 3 % more than microbench/instructions.toml says. What is counted depends on the
    /// compiler, the C library and the processor: compare on the machine that the counts are of.
    Instructions(instructions::Instructions),
    /// End the broker without warning, again and again, and check that nothing acknowledged is lost
    #[command(subcommand)]
    Torture(torture::Torture),
    /// Write docs/conformance.md from xtask/normative.tsv and the tags in code and tests
    Conformance,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run { arguments } => run::run(&arguments),
        Command::Test { fast } => test::test(fast),
        Command::Tidy => tidy::tidy(),
        Command::Fuzz { target, arguments } => fuzz::fuzz(&target, &arguments),
        Command::Bench(bench) => bench.run(),
        Command::Instructions(instructions) => instructions.run(),
        Command::Torture(torture) => torture.run(),
        Command::Conformance => conformance::write(),
    };
    // Without the backtrace that an error returned from here would be printed with.
    result.map_or_else(
        |error| {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

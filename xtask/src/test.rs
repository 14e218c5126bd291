//! `cargo xtask test`: every check of the project. One that fails does not hide the others.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::workspace::cargo;
use crate::{clients, packages, step, tidy};

/// A check by its name.
type Check = (&'static str, fn() -> anyhow::Result<()>);

const ALL: [Check; 6] = [
    ("programs that the tests need", || packages::require(&packages::FOR_TESTS)),
    ("client libraries that the tests drive", clients::install),
    FORMATTING,
    ("lints", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        step::run(&mut cargo(&arguments))
    }),
    TIDY,
    ("tests", || {
        let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
        step::run(tests.env("RUST_TEST_THREADS", threads().to_string()))
    }),
];

const FAST: [Check; 3] = [
    FORMATTING,
    TIDY,
    ("unit tests", || {
        step::run(&mut cargo(&["test", "--workspace", "--lib", "--bins", "--no-fail-fast"]))
    }),
];

const FORMATTING: Check = ("formatting", || step::run(&mut cargo(&["fmt", "--all", "--check"])));
const TIDY: Check = ("tidy", tidy::tidy);

/// Runs the checks in order and prints how each went, and how long it took.
pub(crate) fn test(fast: bool) -> anyhow::Result<()> {
    let checks: &[Check] = if fast { &FAST } else { &ALL };
    let mut results = Vec::new();
    for (name, check) in checks {
        step::announce(name);
        let start = Instant::now();
        let result = check();
        if let Err(error) = &result {
            eprintln!("{error:#}");
        }
        results.push((*name, start.elapsed(), result.is_ok()));
    }
    report(&results)
}

/// Most tests wait most of their time: for a packet, a deadline, a plugin that is built.
fn threads() -> usize {
    4 * std::thread::available_parallelism().map_or(1, usize::from)
}

fn report(results: &[(&str, Duration, bool)]) -> anyhow::Result<()> {
    step::announce("all checks");
    for (name, time, passed) in results {
        let word = if *passed { "ok" } else { "FAILED" };
        eprintln!("{:>7.1} s  {word:<6}  {name}", time.as_secs_f64());
    }
    let failed = results.iter().filter(|(_, _, passed)| !passed).count();
    if failed > 0 {
        bail!("{failed} of {} checks failed", results.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::report;

    #[test]
    fn one_failed_check_fails_the_command() {
        let second = Duration::from_secs(1);
        report(&[("a", second, true), ("b", second, true)]).expect("all passed");
        let error = report(&[("a", second, false), ("b", second, true)]).expect_err("one failed");
        assert_eq!(error.to_string(), "1 of 2 checks failed");
    }
}

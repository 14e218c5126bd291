//! Measures the cases with Criterion; or runs one of them once, for `cargo xtask instructions`.

use criterion::{Criterion, Throughput};
use microbench::{Case, TIMES, cases, measured};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words {
        ["--names", ..] => cases().iter().for_each(|case| println!("{}", case.name())),
        ["--once", name, ..] => once(name),
        _ => time(),
    }
}

/// The first pass makes what is made once: caches, buffers.
fn once(name: &str) {
    let Some(case) = cases().into_iter().find(|case| case.name() == name) else {
        eprintln!("there is no case {name}");
        std::process::exit(2);
    };
    let mut pass = case.set_up();
    pass();
    measured(&mut pass);
}

fn time() {
    let mut criterion = Criterion::default().configure_from_args();
    for case in cases() {
        time_case(&mut criterion, &case);
    }
    criterion.final_summary();
}

fn time_case(criterion: &mut Criterion, case: &Case) {
    let (group, rest) = case.name().split_once('/').unwrap_or((case.name(), ""));
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(TIMES as u64));
    // Set up if it is asked for, and then once.
    let mut pass = None;
    group.bench_function(rest, |bencher| {
        let pass = pass.get_or_insert_with(|| case.set_up());
        bencher.iter(pass);
    });
    group.finish();
}

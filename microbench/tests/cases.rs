//! That each case can be measured.

use std::collections::HashSet;

use microbench::{Case, cases};

/// Each checks what comes of it.
#[test]
fn every_case_runs_again_and_again() {
    for case in cases() {
        let mut pass = case.set_up();
        pass();
        pass();
    }
}

#[test]
fn no_two_cases_have_one_name() {
    let cases = cases();
    let names: HashSet<&str> = cases.iter().map(Case::name).collect();
    assert_eq!(names.len(), cases.len());
}

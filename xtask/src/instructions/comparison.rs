//! The table of what was counted beside what is committed, and which of it is too much.

use anyhow::bail;

/// How much more a case may take, in percent. With another seed for its hashes a case differs by less.
const TOLERANCE: f64 = 3.0;

/// Prints a row as soon as it is known.
pub(super) struct Comparison {
    width: usize,
    too_many: Vec<String>,
}

impl Comparison {
    pub(super) fn new(names: &[String]) -> Comparison {
        let width = names.iter().map(String::len).max().unwrap_or_default();
        println!("{:width$}  instructions      baseline    change", "for 100 of each");
        Comparison { width, too_many: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &str, count: u64, baseline: Option<u64>) {
        let width = self.width;
        let Some(baseline) = baseline else {
            println!("{name:width$}  {count:12}  {:>12}", "-");
            return;
        };
        let change = change(count, baseline);
        let is_too_much = change > TOLERANCE;
        let mark = if is_too_much { "  too many" } else { "" };
        println!("{name:width$}  {count:12}  {baseline:12}  {change:+6.1} %{mark}");
        if is_too_much {
            self.too_many.push(name.to_owned());
        }
    }

    /// # Errors
    /// If some case takes more than it may.
    pub(super) fn result(self) -> anyhow::Result<()> {
        if self.too_many.is_empty() {
            return Ok(());
        }
        let names = self.too_many.join(", ");
        bail!(
            "more than {TOLERANCE} % above microbench/instructions.toml: {names}\n\
             if that is worth it, commit what `cargo xtask instructions --update` writes"
        )
    }
}

/// In percent of the baseline.
fn change(count: u64, baseline: u64) -> f64 {
    (count as f64 / baseline.max(1) as f64 - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    #[track_caller]
    fn check(count: u64, baseline: Option<u64>, passes: bool) {
        let mut comparison = Comparison::new(&["a".to_owned()]);
        comparison.add("a", count, baseline);
        assert_eq!(comparison.result().is_ok(), passes);
    }

    #[test]
    fn three_percent_more_are_allowed_and_no_more() {
        check(1_000, Some(1_000), true);
        check(1_029, Some(1_000), true);
        check(1_031, Some(1_000), false);
        check(10, Some(1_000), true);
        check(1_000, None, true);
    }

    #[test]
    fn the_error_names_what_takes_too_many() {
        let mut comparison = Comparison::new(&[]);
        for (name, count) in [("a", 2), ("b", 1), ("c", 2)] {
            comparison.add(name, count, Some(1));
        }
        let error = comparison.result().expect_err("two take too many").to_string();
        assert!(error.contains("toml: a, c\n"), "{error}");
    }
}

//! What is wrong with rules, and where.

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    /// The line of the file, from 1; none if the rules stand in the broker's config.
    pub(crate) line: Option<usize>,
    /// `rules[2].topics[0]`, or empty.
    pub(crate) path: String,
    /// What is wrong, and what is allowed instead.
    pub(crate) text: String,
}

impl Problem {
    pub(crate) fn at(line: usize, text: String) -> Problem {
        Problem { line: Some(line), path: String::new(), text }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

//! What a plugin logs, on one line: it may hold what a client has sent.

use std::fmt::{Display, Formatter, Result, Write};

/// Shows the text with its control characters escaped.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for c in self.0.chars() {
            if c.is_control() && c != '\t' {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one() {
        let shown = Escaped("a \"b\" ü\tc\nERROR forged\r\u{1b}[31m\u{9b}").to_string();
        assert_eq!(shown, "a \"b\" ü\tc\\nERROR forged\\r\\u{1b}[31m\\u{9b}");
    }
}

//! Every text file: no blanks that nobody sees, and a line feed at the end.

use super::File;

pub(super) fn check(file: &File, violations: &mut Vec<String>) {
    let path = &file.path;
    for (number, line) in file.lines() {
        if line.ends_with([' ', '\t', '\r']) {
            violations.push(format!("{path}:{number}: blanks at the end of the line"));
        }
        if file.is_rust() && line.contains('\t') {
            violations.push(format!("{path}:{number}: a tab"));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        violations.push(format!("{path}: no line feed at the end"));
    }
}

#[cfg(test)]
mod tests {
    use super::{File, check};

    #[track_caller]
    fn check_violations(path: &str, text: &str, expected: &[&str]) {
        let mut violations = Vec::new();
        check(&File::new(path, text), &mut violations);
        assert_eq!(violations, expected);
    }

    #[test]
    fn sees_blanks_that_people_do_not() {
        check_violations("a.md", "x\ny\n", &[]);
        check_violations("a.md", "x \n", &["a.md:1: blanks at the end of the line"]);
        check_violations("a.md", "x\ny\t\n", &["a.md:2: blanks at the end of the line"]);
        check_violations("a.rs", "\tx\n", &["a.rs:1: a tab"]);
        check_violations("a.h", "\tx\n", &[]);
        check_violations("a.md", "x", &["a.md: no line feed at the end"]);
        check_violations("a.md", "", &[]);
    }
}

//! `cargo xtask tidy`: what must be kept, and no compiler or lint keeps.

mod contents;
mod links;
mod shown;
mod source;
mod text;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::conformance;
use crate::workspace::root;

/// A file of the project.
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Folders that hold nothing of the project.
const SKIPPED: [&str; 3] = [".git", "target", "data"];

/// Files that people write; others are not looked at.
const ENDINGS: [&str; 8] = ["rs", "toml", "md", "yml", "h", "c", "txt", "tsv"];

/// Prints every violation.
///
/// # Errors
/// If there is one, or a file cannot be read.
pub(crate) fn tidy() -> anyhow::Result<()> {
    let violations = check(root())?;
    for violation in &violations {
        eprintln!("{violation}");
    }
    if !violations.is_empty() {
        bail!("{} things are not tidy", violations.len());
    }
    Ok(())
}

/// Every violation below `root`, as `file:line: what`.
fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let files = files(root)?;
    let mut violations = Vec::new();
    for file in &files {
        text::check(file, &mut violations);
        source::check(file, &mut violations);
        links::check(root, file, &mut violations);
    }
    contents::check(&files, &mut violations);
    shown::check(&files, &mut violations);
    conformance::check(&files, &mut violations);
    Ok(violations)
}

/// The files below `root`, by their paths.
pub(crate) fn files(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    collect(root, "", &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> anyhow::Result<()> {
    let place = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(place)? {
        let entry = entry.with_context(place)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { bail!("{name:?} is not UTF-8") };
        let path = format!("{prefix}{name}");
        if entry.file_type().with_context(place)?.is_dir() {
            if !SKIPPED.contains(&name) {
                collect(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if name.rsplit_once('.').is_some_and(|(_, end)| ENDINGS.contains(&end)) {
            let text = fs::read_to_string(entry.path()).with_context(|| path.clone())?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::{check, root};

    #[test]
    fn the_project_is_tidy() {
        let violations = check(root()).expect("reads the project");
        assert!(violations.is_empty(), "\n{}", violations.join("\n"));
    }
}

//! The counts that are committed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::step;

const HEAD: &str = "\
# How many instructions each case of microbench/ takes for 100 of what it is about.
# Written by: cargo xtask instructions --update
";

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    /// The compiler, as it names itself.
    pub(super) rustc: String,
    /// By the name of the case.
    pub(super) instructions: BTreeMap<String, u64>,
}

impl Baseline {
    /// `None`: there is no such file yet.
    pub(super) fn read(file: &Path) -> anyhow::Result<Option<Baseline>> {
        let place = || file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => toml::from_str(&text).map(Some).with_context(place),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(place),
        }
    }

    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        std::fs::write(file, self.text()).with_context(|| file.display().to_string())?;
        step::announce(&format!("wrote {}", file.display()));
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}rustc = {:?}\n\n[instructions]\n", self.rustc);
        for (name, count) in &self.instructions {
            let _ = writeln!(text, "{name:?} = {count}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Baseline;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("instructions.toml");
        assert_eq!(Baseline::read(&file).expect("no file is no error"), None);
        let counts = [("decode/publish/5.0", 4_000), ("split", 12)];
        let instructions = counts.map(|(name, count)| (name.to_owned(), count)).into();
        let baseline = Baseline { rustc: "rustc 1.95.0".to_owned(), instructions };
        baseline.write(&file).expect("writes");
        assert_eq!(Baseline::read(&file).expect("reads"), Some(baseline));
    }
}

//! The plugins in `plugins/`: which there are, how each is built, and where its `.so` goes.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::packages;
use crate::step;
use crate::workspace::root;

/// The sources in `plugins/`.
pub(crate) struct Plugins {
    /// Names of crates; a crate is called as its folder.
    pub(crate) rust: Vec<String>,
    c: Vec<CPlugin>,
}

/// A folder whose name ends in `-c`.
struct CPlugin {
    name: String,
    sources: Vec<PathBuf>,
}

impl Plugins {
    /// Looks into `folder`; sorted by name.
    pub(crate) fn find(folder: &Path) -> anyhow::Result<Plugins> {
        let mut plugins = Plugins { rust: Vec::new(), c: Vec::new() };
        for path in entries(folder)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if path.join("Cargo.toml").is_file() {
                plugins.rust.push(name.to_owned());
            } else if path.is_dir() && name.ends_with("-c") {
                let mut sources = entries(&path)?;
                sources.retain(|file| file.extension().is_some_and(|end| end == "c"));
                plugins.c.push(CPlugin { name: name.to_owned(), sources });
            }
        }
        Ok(plugins)
    }

    /// Puts what cargo built into `to`, builds the C plugins into it, and names them all.
    pub(crate) fn install(&self, built: &Path, to: &Path) -> anyhow::Result<Vec<&str>> {
        let mut names = Vec::new();
        for name in &self.rust {
            let library = built.join(library_name(name));
            replace(to, name, |file| {
                fs::copy(&library, file).map(drop).with_context(|| {
                    format!("cannot copy {} to {}", library.display(), file.display())
                })
            })?;
            names.push(name.as_str());
        }
        if !self.c.is_empty() {
            packages::require(&[packages::CC])?;
        }
        for CPlugin { name, sources } in &self.c {
            replace(to, name, |file| step::run(&mut compile(sources, file)))?;
            names.push(name.as_str());
        }
        Ok(names)
    }
}

/// What cargo calls the library of a crate.
fn library_name(crate_name: &str) -> String {
    format!("{DLL_PREFIX}{}{DLL_SUFFIX}", crate_name.replace('-', "_"))
}

/// Makes `NAME.so` in one move: a broker that starts meanwhile sees the old file or the new one.
fn replace(
    folder: &Path,
    name: &str,
    make: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let new = folder.join(format!(".{name}.new.so"));
    let file = folder.join(format!("{name}.so"));
    make(&new)?;
    fs::rename(&new, &file).with_context(|| format!("cannot replace {}", file.display()))
}

fn compile(sources: &[PathBuf], output: &Path) -> Command {
    let mut cc = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    cc.args(["-shared", "-fPIC", "-O2", "-Wall", "-pthread", "-I"]);
    cc.arg(root().join("plugin-abi")).arg("-o").arg(output).args(sources);
    cc
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = read().with_context(|| format!("cannot list {}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::{Plugins, library_name};
    use crate::workspace::root;

    #[test]
    fn finds_the_plugins_of_both_languages() {
        let plugins = Plugins::find(&root().join("plugins")).expect("plugins/");
        assert!(plugins.rust.iter().any(|name| name == "hello"), "{:?}", plugins.rust);
        assert!(plugins.rust.is_sorted());
        let c = plugins.c.iter().find(|plugin| plugin.name == "sub-limiter-c").expect("in C");
        assert_eq!(c.sources.len(), 1);
    }

    #[test]
    fn knows_what_cargo_calls_a_library() {
        assert_eq!(library_name("sub-limiter"), "libsub_limiter.so");
    }
}

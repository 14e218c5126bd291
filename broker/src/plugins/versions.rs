//! Which of several files of one plugin is taken: `acl.so` and `acl-1.2.0.so` may lie side by side, and
//! their manifests say what versions they are. None of their code runs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use semver::{Prerelease, Version};

use super::{
    PluginEntry, elf,
    error::{LoadError, Reason},
    find::{self, Found},
    manifest::Manifest,
};

/// A file that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Where it is.
    pub file: PathBuf,
    /// Why another one was.
    pub why: String,
}

/// A file that could be the plugin.
struct Candidate {
    file: PathBuf,
    version: Option<Version>,
}

/// The file to be loaded, and the others that could have been. `named` are the names of all entries: a
/// file that is one of them is that plugin alone.
///
/// A name without `.so` and with no more than one file to it means that file, whatever its version;
/// unless the entry says which versions it takes.
pub(super) fn choose<'a>(
    dir: &Path,
    entry: &'a PluginEntry,
    named: &[&str],
) -> Result<(Found<'a>, Vec<PassedOver>), LoadError> {
    let exact = find::find(dir, &entry.name);
    let taken = exact.as_ref().ok().and_then(|found| found.file.file_name());
    let others = others(dir, &entry.name, taken, named);
    let PluginEntry { version, stages, .. } = entry;
    if others.is_empty() && version.is_none() && stages.is_empty() {
        return exact.map(|found| (found, Vec::new()));
    }
    let exact = match exact {
        Err(error) if others.is_empty() => return Err(error),
        exact => exact.ok().map(|found| Candidate::at(found.file)),
    };
    let mut passed = Vec::new();
    let mut fit: Vec<Candidate> = Vec::new();
    for candidate in others.into_iter().chain(exact) {
        match candidate.unfit(entry) {
            Some(why) => passed.push(PassedOver { file: candidate.file, why }),
            None => fit.push(candidate),
        }
    }
    // Of equals the last, which is the one of the plain name.
    fit.sort_by(|one, other| one.version.cmp(&other.version));
    let Some(taken) = fit.pop() else {
        let why = passed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return Err(LoadError::new(find::name(&entry.name), None, Reason::NoVersion(why)));
    };
    passed.extend(fit.into_iter().map(|it| it.lower_than(&taken)));
    Ok((Found { name: find::name(&entry.name), file: taken.file }, passed))
}

/// The files of the plugin `written` beside the one that its name means: those that have a version in
/// their names, and where that one is `acl.so` also `libacl.so`.
fn others(dir: &Path, written: &str, taken: Option<&OsStr>, named: &[&str]) -> Vec<Candidate> {
    // With `.so` it is the name of a file, not of a plugin.
    if written.ends_with(".so") {
        return Vec::new();
    }
    let spellings = find::spellings(written);
    let files = find::libraries(dir).into_iter().filter(|file| {
        if spellings.contains(file) {
            return taken.is_some_and(|taken| taken != OsStr::new(file))
                && !named.contains(&find::name(file));
        }
        let stem = find::as_named(file);
        has_version(&stem, written) && !named.iter().any(|name| find::name(name) == stem)
    });
    let candidates = files.filter_map(|file| {
        let file = dir.join(file);
        let manifest = read_manifest(&file)?;
        let is_it = manifest.name.replace('_', "-") == written.replace('_', "-");
        is_it.then(|| Candidate { file, version: version(&manifest.version) })
    });
    candidates.collect()
}

/// `acl-1.2.0`, `acl-v2` and `acl_1.2` for `acl`.
fn has_version(stem: &str, name: &str) -> bool {
    let rest = stem.strip_prefix(name).and_then(|rest| rest.strip_prefix(['-', '_', '.']));
    let rest = rest.map(|rest| rest.strip_prefix('v').unwrap_or(rest));
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn read_manifest(file: &Path) -> Option<Manifest> {
    let bytes = std::fs::read(file).ok()?;
    elf::check(&bytes).ok()?;
    Manifest::read(&bytes)
}

/// Plugins in C may say `1` or `1.2`.
fn version(text: &str) -> Option<Version> {
    let padded = ["", ".0", ".0.0"].map(|zeros| format!("{text}{zeros}"));
    padded.iter().find_map(|text| text.parse().ok())
}

impl Candidate {
    fn at(file: PathBuf) -> Candidate {
        let version = read_manifest(&file).and_then(|manifest| version(&manifest.version));
        Candidate { file, version }
    }

    /// Why the entry does not take it, if it does not.
    fn unfit(&self, entry: &PluginEntry) -> Option<String> {
        let requirement = entry.version.as_ref();
        let Some(version) = &self.version else {
            return requirement
                .map(|it| format!("it does not say its version, and {it} is asked for"));
        };
        let stage = stage(&version.pre);
        let is_exact = requirement.is_some_and(|it| it.matches(version));
        if !version.pre.is_empty() && !is_exact && !entry.stages.iter().any(|it| it == stage) {
            return Some(format!(
                "{version} is a pre-release, and `stages:` does not have {stage}"
            ));
        }
        // Where pre-releases are taken, that of 1.3.0 is as good as 1.3.0.
        let release = Version { pre: Prerelease::EMPTY, ..version.clone() };
        let other = requirement.filter(|it| !is_exact && !it.matches(&release))?;
        Some(format!("{version} is not {other}"))
    }

    fn lower_than(self, taken: &Candidate) -> PassedOver {
        let show = |version: &Option<Version>| {
            version.as_ref().map_or("a file without a version".to_owned(), Version::to_string)
        };
        let (ours, theirs) = (show(&self.version), show(&taken.version));
        let name = taken.file.file_name().unwrap_or_default().to_string_lossy();
        let why = if self.version == taken.version {
            format!("{name} is {ours} too, and one of them has to go")
        } else {
            format!("{name} is {theirs}, which is later than {ours}")
        };
        PassedOver { file: self.file, why }
    }
}

/// `rc` of `rc.1` and of `rc1`.
fn stage(pre: &Prerelease) -> &str {
    pre.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
}

impl std::fmt::Display for PassedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.file_name().unwrap_or_default().to_string_lossy(), self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::library::tests::compile;

    /// A folder with these files, each of a plugin and version.
    fn folder(files: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, name, version) in files {
            let code =
                format!("#include \"plugin.h\"\nMQ_PLUGIN({name:?}, {version:?}, \"\", \"\");");
            std::fs::write(dir.path().join(file), compile(&code)).unwrap();
        }
        dir
    }

    fn entry(name: &str, version: &str, stages: &[&str]) -> PluginEntry {
        PluginEntry {
            name: name.into(),
            version: (!version.is_empty()).then(|| version.parse().unwrap()),
            stages: stages.iter().map(|stage| (*stage).to_owned()).collect(),
            ..PluginEntry::default()
        }
    }

    #[track_caller]
    fn check(dir: &Path, entry: &PluginEntry, expected: Result<&str, &str>, passed: &[&str]) {
        let named = [entry.name.as_str(), "acl-2"];
        match (choose(dir, entry, &named), expected) {
            (Ok((found, over)), Ok(file)) => {
                assert_eq!(found.file, dir.join(file));
                let over: Vec<String> = over.iter().map(ToString::to_string).collect();
                assert_eq!(over, passed);
            }
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn the_highest_that_the_entry_takes_is_taken() {
        let dir = folder(&[
            ("acl.so", "acl", "1.1.0"),
            ("acl-1.2.0.so", "acl", "1.2"),
            ("acl-1.3.0-rc.1.so", "acl", "1.3.0-rc.1"),
            ("acl-2.so", "acl", "9.0.0"),
            ("acl-http.so", "acl-http", "7.0.0"),
            ("acl-3-of-others.so", "other", "3.0.0"),
        ]);
        let dir = dir.path();
        let rc = "acl-1.3.0-rc.1.so: 1.3.0-rc.1 is a pre-release, and `stages:` does not have rc";
        let lower = "acl.so: acl-1.2.0.so is 1.2.0, which is later than 1.1.0";
        check(dir, &entry("acl", "", &[]), Ok("acl-1.2.0.so"), &[rc, lower]);
        check(
            dir,
            &entry("acl", "^1.2", &["beta"]),
            Ok("acl-1.2.0.so"),
            &[rc, "acl.so: 1.1.0 is not ^1.2"],
        );
        check(
            dir,
            &entry("acl", "~1.1", &[]),
            Ok("acl.so"),
            &["acl-1.2.0.so: 1.2.0 is not ~1.1", rc],
        );
        let later = |file: &str, version: &str| {
            format!("{file}: acl-1.3.0-rc.1.so is 1.3.0-rc.1, which is later than {version}")
        };
        let all = [later("acl.so", "1.1.0"), later("acl-1.2.0.so", "1.2.0")];
        let all = all.each_ref().map(String::as_str);
        check(dir, &entry("acl", "^1.1", &["beta", "rc"]), Ok("acl-1.3.0-rc.1.so"), &all);
        check(
            dir,
            &entry("acl", "^2", &[]),
            Err(
                "no file of it is one that the config takes: acl-1.2.0.so: 1.2.0 is not ^2; acl-1.3",
            ),
            &[],
        );
        // This is the name of a file.
        check(dir, &entry("acl.so", "", &[]), Ok("acl.so"), &[]);
        check(dir, &entry("acl.so", "^1.2", &[]), Err("acl.so: 1.1.0 is not ^1.2"), &[]);
        check(dir, &entry("absent", "1", &[]), Err("no such file"), &[]);
    }

    #[test]
    fn a_single_file_is_taken_whatever_it_is() {
        let dir =
            folder(&[("acl.so", "renamed", "1.0.0-beta"), ("solo-1.0.0.so", "solo", "1.0.0")]);
        let dir = dir.path();
        std::fs::write(dir.join("old.so"), compile("int a;")).unwrap();
        check(dir, &entry("acl", "", &[]), Ok("acl.so"), &[]);
        check(dir, &entry("old", "", &[]), Ok("old.so"), &[]);
        check(dir, &entry("solo", "", &[]), Ok("solo-1.0.0.so"), &[]);
        let error = "old.so: it does not say its version, and ^1 is asked for";
        check(dir, &entry("old", "1", &[]), Err(error), &[]);
    }

    #[test]
    fn of_equals_the_one_of_the_plain_name_is_taken() {
        let dir = folder(&[("acl-1.0.0.so", "acl", "1.0.0"), ("libacl.so", "acl", "1.0.0")]);
        let passed = ["acl-1.0.0.so: libacl.so is 1.0.0 too, and one of them has to go"];
        check(dir.path(), &entry("acl", "", &[]), Ok("libacl.so"), &passed);
    }

    /// A new build may have been copied under the other name.
    #[test]
    fn the_name_that_cargo_gives_it_is_another_file_of_it() {
        let dir = folder(&[("acl.so", "acl", "1.0.0"), ("libacl.so", "acl", "1.0.0")]);
        let passed = ["libacl.so: acl.so is 1.0.0 too, and one of them has to go"];
        check(dir.path(), &entry("acl", "", &[]), Ok("acl.so"), &passed);
        check(dir.path(), &entry("acl.so", "", &[]), Ok("acl.so"), &[]);
        let dir = folder(&[("acl.so", "acl", "1.0.0"), ("libacl.so", "acl", "1.0.1")]);
        let passed = ["acl.so: libacl.so is 1.0.1, which is later than 1.0.0"];
        check(dir.path(), &entry("acl", "", &[]), Ok("libacl.so"), &passed);
        check(dir.path(), &entry("libacl", "", &[]), Ok("libacl.so"), &[]);
    }
}

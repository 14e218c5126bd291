//! From the name in the config to a file in `plugins/`.

use std::path::{Path, PathBuf};

use super::error::{LoadError, Missing, Reason};
use crate::config::nearest::nearest;

#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The name that logs show: without `.so`.
    pub(super) name: &'a str,
    pub(super) file: PathBuf,
}

/// The name that logs show, of a plugin that the config names so.
pub(super) fn name(written: &str) -> &str {
    written.strip_suffix(".so").unwrap_or(written)
}

/// Looks for the name as it is written, then with `.so`, then as cargo names a library.
pub(super) fn find<'a>(dir: &Path, written: &'a str) -> Result<Found<'a>, LoadError> {
    let name = name(written);
    let fail = |reason| LoadError::new(written, None, reason);
    if !is_file_name(written) || name.is_empty() {
        return Err(fail(Reason::Name { dir: dir.into() }));
    }
    let tried = spellings(written);
    // A folder of the plugin's name may stand beside its library: it holds the source.
    match tried.iter().map(|file| dir.join(file)).find(|file| file.is_file()) {
        Some(file) => Ok(Found { name, file }),
        None => {
            let present = libraries(dir);
            let folder = dir.is_dir();
            let missing = Missing { folder, similar: similar(name, &present), present };
            Err(fail(Reason::NotFound { dir: dir.into(), tried, missing }))
        }
    }
}

/// The names of the files that may be the plugin, the first of which is taken.
pub(super) fn spellings(written: &str) -> Vec<String> {
    let name = name(written);
    let mut all =
        vec![written.to_owned(), format!("{name}.so"), format!("lib{}.so", name.replace('-', "_"))];
    all.dedup();
    all
}

fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

pub(super) fn libraries(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut libraries: Vec<String> = names.filter(|name| name.ends_with(".so")).collect();
    libraries.sort_unstable();
    libraries
}

/// The name, as the config would have it, of the library that is most like `name`.
fn similar(name: &str, libraries: &[String]) -> Option<String> {
    let names: Vec<String> = libraries.iter().map(|file| as_named(file)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    nearest(name, &names).map(str::to_owned)
}

/// `libsub_limiter.so` to `sub-limiter`.
pub(super) fn as_named(file: &str) -> String {
    let stem = file.strip_suffix(".so").unwrap_or(file);
    stem.strip_prefix("lib").map_or_else(|| stem.to_owned(), |name| name.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], written: &str, expected: Result<(&str, &str), &str>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a-folder")).unwrap();
        for file in files {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        match (find(dir.path(), written), expected) {
            (Ok(found), Ok((name, file))) => {
                assert_eq!(found.name, name);
                assert_eq!(found.file, dir.path().join(file));
            }
            (Err(error), Err(text)) => {
                let error = error.to_string();
                assert!(error.contains(text) && error.contains(written), "{error}");
            }
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn names_become_files() {
        check(&["hello.so"], "hello", Ok(("hello", "hello.so")));
        check(&["hello.so"], "hello.so", Ok(("hello", "hello.so")));
        check(&["libsub_limiter.so"], "sub-limiter", Ok(("sub-limiter", "libsub_limiter.so")));
        check(&["libsub_limiter.so"], "sub-limiter.so", Ok(("sub-limiter", "libsub_limiter.so")));
        check(&["hello.so", "libhello.so"], "hello", Ok(("hello", "hello.so")));
        check(&["a-folder.so"], "a-folder", Ok(("a-folder", "a-folder.so")));
        check(&["without-suffix"], "without-suffix", Ok(("without-suffix", "without-suffix")));
    }

    #[test]
    fn a_missing_file_is_told_with_what_is_there() {
        check(&[], "sub-limiter", Err("looked for sub-limiter, sub-limiter.so, libsub_limiter.so"));
        check(&[], "hello", Err("copy the plugin's `.so` there"));
        let error = "; did you mean hello? what is there: acl.so, hello.so";
        check(&["hello.so", "acl.so"], "helo", Err(error));
        check(&["hello.so", "acl.so"], "hallo.so", Err("did you mean hello? "));
        check(&["libsub_limiter.so"], "sub-limitr", Err("; did you mean sub-limiter? what is"));
        check(&["acl.so"], "hello", Err("libhello.so; what is there: acl.so"));
        check(&[], "a-folder", Err("no such file"));
    }

    #[test]
    fn a_missing_folder_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = find(&dir.path().join("absent"), "hello").unwrap_err().to_string();
        assert!(
            error.ends_with("; that folder is not there: make it, or see `plugin_dir:`"),
            "{error}"
        );
    }

    #[test]
    fn paths_are_refused() {
        for written in ["../hello", "/tmp/hello.so", "a/b", ".", "..", "", ".so", "a\\b", "a\0b"] {
            check(&["hello.so"], written, Err("not a name"));
        }
    }
}

//! `hookmq plugin new`: a folder with a plugin that builds, passes its test, and can be changed.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use plugin_abi::manifest::ABI_VERSION;
use serde_json::json;

use crate::tools::{complain, say};

/// Begin a plugin: a folder that builds, with a hook and a test
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct New {
    /// The folder, which must not exist; its last part is the name of the plugin
    #[arg(value_name = "NAME", value_parser = read_name)]
    folder: PathBuf,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// The folder `plugin-abi` of a checkout of hookmq, for Rust [default: the one that this program
    /// or the working directory is in; else a released version]
    #[arg(long, value_name = "DIR")]
    plugin_abi: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Lang {
    Rust,
    C,
}

const AFTER_HELP: &str = "\
A name has lower-case letters, digits, - and _, and begins with a letter. The folder is a crate that
depends on plugin-abi alone, or in C a Makefile with plugin.h beside it.

Examples:
  hookmq plugin new sub-limiter && cd sub-limiter && cargo test && cargo build --release
  hookmq plugin new work/filter --lang c && make -C work/filter test filter.so
  hookmq plugin new acl --plugin-abi ../hookmq/plugin-abi

Exit status: 0, 1 if the folder exists or cannot be written, 2 if the arguments are wrong.";

/// A file of the folder: its name and what is in it, for a plugin called `my-plugin`.
type Template = (&'static str, &'static str);

const RUST: [Template; 4] = [
    ("Cargo.toml", include_str!("new/rust/Cargo.toml.in")),
    ("src/lib.rs", include_str!("new/rust/lib.rs")),
    ("README.md", include_str!("new/rust/README.md")),
    (".gitignore", "/target\n"),
];

const C: [Template; 6] = [
    ("my_plugin.c", include_str!("new/c/plugin.c")),
    ("test.c", include_str!("new/c/test.c")),
    ("Makefile", include_str!("new/c/Makefile")),
    ("plugin.h", include_str!("../../../../plugin-abi/plugin.h")),
    ("README.md", include_str!("new/c/README.md")),
    (".gitignore", "*.so\n*-test\n"),
];

impl New {
    /// Blocks on the disk.
    pub(super) fn run(&self) -> ExitCode {
        match self.make() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(format_args!("{}: {error}", self.folder.display()));
                ExitCode::FAILURE
            }
        }
    }

    fn make(&self) -> io::Result<()> {
        let dependency = self.dependency()?;
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::create_dir(&self.folder).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => io::Error::new(error.kind(), IN_THE_WAY),
            _ => error,
        })?;
        let templates = match self.lang {
            Lang::Rust => &RUST[..],
            Lang::C => &C[..],
        };
        for (file, text) in templates {
            let file = self.folder.join(self.named(file));
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(file, self.named(text).replace(DEPENDENCY, &dependency))?;
        }
        say(format_args!("{}: begun; its README.md says how to go on", self.folder.display()));
        if matches!(self.lang, Lang::Rust) && dependency == released() {
            say(format_args!(
                "its Cargo.toml asks for a released crate, {dependency}, for no checkout of hookmq was found; \
                 --plugin-abi names the folder plugin-abi in one"
            ));
        }
        Ok(())
    }

    /// The text of a template, with the name of the plugin in it.
    fn named(&self, text: &str) -> String {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        // The name of the crate first: it has no `-`, and so nothing that is replaced after it.
        text.replace("my_plugin", &name.replace('-', "_")).replace("my-plugin", &name)
    }

    /// The line of Cargo.toml.
    fn dependency(&self) -> io::Result<String> {
        let found = match &self.plugin_abi {
            Some(folder) if is_plugin_abi(folder) => Some(folder.canonicalize()?),
            Some(folder) => {
                let what = format!("there is no crate plugin-abi in {}", folder.display());
                return Err(io::Error::new(ErrorKind::NotFound, what));
            }
            None => checkout(),
        };
        // JSON writes text as TOML does.
        Ok(found.map_or_else(released, |folder| {
            format!("plugin-abi = {{ path = {} }}", json!(folder.to_string_lossy()))
        }))
    }
}

/// What Cargo.toml has where plugin-abi is not at hand.
fn released() -> String {
    let minor = ABI_VERSION.rsplit_once('.').map_or(ABI_VERSION, |(minor, _)| minor);
    format!("plugin-abi = \"{minor}\"")
}

/// The crate in the checkout that the program or the working directory is in.
fn checkout() -> Option<PathBuf> {
    let places = [std::env::current_exe(), std::env::current_dir()].into_iter().flatten();
    places
        .filter_map(|place| place.canonicalize().ok())
        .flat_map(|place| place.ancestors().map(|it| it.join("plugin-abi")).collect::<Vec<_>>())
        .find(|folder| is_plugin_abi(folder))
}

fn is_plugin_abi(folder: &Path) -> bool {
    ["Cargo.toml", "plugin.h"].iter().all(|file| folder.join(file).is_file())
}

fn read_name(text: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(text);
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_fit) {
        return Err("lower-case letters, digits, - and _ are allowed; a letter comes first".into());
    }
    if TAKEN.contains(&name.replace('-', "_").as_str()) {
        return Err("no crate can have this name".into());
    }
    Ok(folder)
}

/// Words of Rust, and crates that a plugin is built with.
const TAKEN: [&str; 50] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "plugin_abi",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
];

const IN_THE_WAY: &str = "it is there already, and stays as it is; take another name";

/// In the template, to be replaced.
const DEPENDENCY: &str = "plugin-abi = \"1\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn named(folder: &str, text: &str) -> String {
        New { folder: folder.into(), lang: Lang::Rust, plugin_abi: None }.named(text)
    }

    #[test]
    fn templates_get_the_name() {
        assert_eq!(
            named("a/sub-limiter", "my-plugin libmy_plugin.so"),
            "sub-limiter libsub_limiter.so"
        );
        assert_eq!(named("x-my_plugin", "my-plugin my_plugin"), "x-my_plugin x_my_plugin");
        let all = RUST.iter().chain(&C);
        assert!(all.clone().all(|(_, text)| !named("abc", text).contains("my-plugin")));
        assert_eq!(all.filter(|(_, text)| text.contains(DEPENDENCY)).count(), 1);
    }

    #[test]
    fn readmes_have_five_lines() {
        let readmes = RUST.iter().chain(&C).filter(|(name, _)| *name == "README.md");
        assert!(readmes.clone().all(|(_, text)| text.lines().count() == 5));
        assert_eq!(readmes.count(), 2);
    }

    #[test]
    fn names_are_those_that_a_crate_can_have() {
        for name in ["a", "sub-limiter", "../work/a_2", "/tmp/x"] {
            assert_eq!(read_name(name), Ok(name.into()));
        }
        for name in ["", "..", "Abc", "2a", "-a", "a b", "a.so", "ä", "fn", "plugin-abi", "a/é"] {
            assert!(read_name(name).is_err(), "{name}");
        }
    }
}

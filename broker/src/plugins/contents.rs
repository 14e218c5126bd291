//! What a library is, as far as that can be read without running any of its code.

use std::fmt;

use plugin_abi::abi_stable::library::{AbiHeader, ROOT_MODULE_LOADER_NAME};

use super::{
    Capability, PluginEntry,
    elf::{self, Export},
    error::Reason,
    escaped::Escaped,
    manifest::Manifest,
    terms,
};
use crate::{config::nearest::nearest, hooks::point};

/// A plugin's library, read and not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Which kind of plugin it is; `None` if it was stripped of what says so.
    pub language: Option<Language>,
    /// What it says of itself, if it does.
    pub manifest: Option<Manifest>,
    /// The hooks that it has, as Rust plugins write them; `None` if only loading it tells.
    pub hooks: Option<Vec<String>>,
    /// What keeps nobody from loading it, and was hardly meant so.
    pub remarks: Vec<String>,
}

/// How a plugin is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// By the root module that `#[plugin]` exports.
    Rust,
    /// By the functions of `plugin.h`.
    C,
}

/// What a C plugin cannot do without.
const VERSION_FUNCTION: &str = "PluginAbiVersion";

/// What a C plugin exports besides hooks.
const FUNCTIONS: [&str; 3] = [VERSION_FUNCTION, "Bootstrap", "Shutdown"];

impl Contents {
    /// Reads a library that the ELF check has passed, and says all that keeps it from being loaded.
    pub(super) fn read(file: &[u8], entry: &PluginEntry) -> (Contents, Vec<Reason>) {
        let manifest = Manifest::read(file);
        let hooks = manifest.as_ref().and_then(|manifest| manifest.hooks.clone());
        let mut contents = Contents { language: None, manifest, hooks, remarks: Vec::new() };
        let mut reasons = Vec::from_iter(contents.read_exports(file).err());
        reasons.extend(contents.manifest.iter().flat_map(|manifest| terms::check(manifest, entry)));
        contents.remarks.extend(contents.manifest.iter().flat_map(unknown_capabilities));
        let hooks = contents.hooks.iter().flatten();
        contents.remarks.extend(hooks.filter_map(|hook| unknown(hook)));
        (contents, reasons)
    }

    /// Whether it is asked who may connect, if that can be read.
    pub fn decides_who_connects(&self) -> Option<bool> {
        Some(self.hooks.as_ref()?.iter().any(|hook| hook == "on_before_connect"))
    }

    fn read_exports(&mut self, file: &[u8]) -> Result<(), Reason> {
        let Some(exports) = elf::exports(file) else { return Ok(()) };
        let find = |name: &str| exports.iter().find(|export| export.name == name);
        if let Some(root_module) = find(ROOT_MODULE_LOADER_NAME) {
            self.language = Some(Language::Rust);
            return check_root_module(file, *root_module);
        }
        find(VERSION_FUNCTION).ok_or(Reason::NotPlugin)?;
        self.language = Some(Language::C);
        let hooks = point::ALL.iter().filter(|(symbol, _)| find(symbol).is_some());
        self.hooks = Some(hooks.map(|(_, name)| (*name).to_owned()).collect());
        self.remarks.extend(exports.iter().filter_map(|export| misspelt(export.name)));
        Ok(())
    }
}

/// Name, version and hooks, as far as they can be read.
impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.manifest {
            Some(manifest) => write!(f, "{} {}", manifest.name, manifest.version)?,
            None => f.write_str(
                "no manifest, so that only loading it tells for which plugin-abi it is",
            )?,
        }
        match self.hooks.as_deref() {
            Some([]) => f.write_str("; no hooks"),
            Some(hooks) => write!(f, "; {}", hooks.join(", ")),
            None => f.write_str("; which hooks it has, only loading it tells"),
        }
    }
}

/// The broker would not call it, and nothing else would say so.
fn misspelt(symbol: &str) -> Option<String> {
    let known: Vec<&str> = point::ALL.iter().map(|(symbol, _)| *symbol).chain(FUNCTIONS).collect();
    if known.contains(&symbol) {
        return None;
    }
    let meant = nearest(symbol, &known)?;
    Some(format!("it exports {}, which nobody calls; did you mean {meant}?", Escaped(symbol)))
}

/// A later version of plugin-abi has it.
fn unknown(hook: &str) -> Option<String> {
    let is_known = point::ALL.iter().any(|(_, name)| *name == hook);
    (!is_known).then(|| format!("it has the hook {hook}, which this broker does not know or call"))
}

/// It can do without them, and will have to.
fn unknown_capabilities(manifest: &Manifest) -> Vec<String> {
    let is_unknown = |name: &&String| Capability::named(name).is_none();
    let remark =
        |name| format!("it may use the capability {name}, which this broker does not know");
    manifest.may_use.iter().filter(is_unknown).map(remark).collect()
}

/// The header of abi_stable says whether the broker can understand what follows it.
fn check_root_module(file: &[u8], export: Export<'_>) -> Result<(), Reason> {
    let refuse = |what: String| Err(Reason::AbiStable(what));
    let Some((magic, version)) =
        elf::bytes_of(file, export, HEADER_SIZE).and_then(<[u8]>::split_first_chunk::<32>)
    else {
        return refuse("its root module is not in the file".to_owned());
    };
    if *magic != AbiHeader::VALUE.magic_string {
        return refuse("its root module has another header".to_owned());
    }
    let mut numbers = version
        .chunks_exact(4)
        .map(|bytes| bytes.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)));
    let theirs = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let AbiHeader { abi_major, abi_minor, .. } = AbiHeader::VALUE;
    if theirs.0 != abi_major || (abi_major == 0 && theirs.1 != abi_minor) {
        return refuse(format!("{}.{}", theirs.0, theirs.1));
    }
    Ok(())
}

/// The text that abi_stable knows itself by, and two numbers.
const HEADER_SIZE: u64 = 32 + 4 + 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::library::tests::compile;

    fn read(file: &[u8]) -> Option<Contents> {
        elf::check(file).ok().map(|()| Contents::read(file, &PluginEntry::default()).0)
    }

    /// The one who looks is not hurt: debug builds panic where a sum is too large.
    #[test]
    fn a_library_may_say_anything() {
        let mut library =
            compile("#include \"plugin.h\"\nMQ_PLUGIN(\"a\", \"1\", \"MIT\", \"b\");");
        let whole = read(&library).unwrap();
        assert_eq!(whole.manifest.as_ref().unwrap().license, "MIT");
        assert_eq!((whole.language, whole.hooks.as_deref()), (Some(Language::C), Some(&[][..])));
        let mut differ = 0;
        for at in 0..library.len() {
            for byte in [0, 0xFF, library[at] ^ 1] {
                let was = std::mem::replace(&mut library[at], byte);
                differ += usize::from(read(&library).as_ref() != Some(&whole));
                library[at] = was;
            }
        }
        assert!(differ > 0);
        for end in 0..library.len() {
            read(&library[..end]);
        }
    }
}

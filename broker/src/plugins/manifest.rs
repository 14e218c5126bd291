//! What a plugin says of itself, read from its file: a note that `#[plugin]` or `MQ_PLUGIN` left.

use plugin_abi::manifest::{KIND, OWNER};

use super::{elf, escaped::Escaped};

/// The fields that this broker knows; what a plugin does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The name of the crate, or what the plugin in C calls itself.
    pub name: String,
    /// The version of the plugin.
    pub version: String,
    /// The version of plugin-abi that it was built with, as `1.1.0` or `1.1`.
    pub plugin_abi: String,
    /// Its licence, as SPDX writes it.
    pub license: String,
    /// What it does.
    pub description: String,
    /// Its hooks, by the names that Rust plugins write; `None` if it leaves that to its symbols.
    pub hooks: Option<Vec<String>>,
    /// Whether a panic in it unwinds; `None` if it does not say.
    pub panic_unwind: Option<bool>,
    /// Capabilities without which it is not to be loaded. There may be some that this broker does not know.
    pub wants: Vec<String>,
    /// Capabilities that it can do without. As above.
    pub may_use: Vec<String>,
    /// The versions of plugin-abi that the broker may have; empty if it does not say.
    pub requires: String,
}

impl Manifest {
    /// The manifest in a library that the ELF check has passed.
    pub(super) fn read(file: &[u8]) -> Option<Manifest> {
        elf::note(file, OWNER, KIND).map(Manifest::parse)
    }

    fn parse(text: &[u8]) -> Manifest {
        let mut manifest = Manifest::default();
        for field in text.split(|byte| *byte == 0) {
            let field = String::from_utf8_lossy(field);
            if let Some((key, value)) = field.split_once('=') {
                manifest.set(key, value);
            }
        }
        manifest
    }

    /// The value goes to terminals, and may be anything.
    fn set(&mut self, key: &str, value: &str) {
        let value = Escaped(value).to_string();
        match key {
            "name" => self.name = value,
            "version" => self.version = value,
            "plugin-abi" => self.plugin_abi = value,
            "license" => self.license = value,
            "description" => self.description = value,
            "hooks" => self.hooks = Some(words(&value)),
            "wants" => self.wants = words(&value),
            "may-use" => self.may_use = words(&value),
            "requires" => self.requires = value,
            "panic" => self.panic_unwind = Some(value == "unwind"),
            _ => {}
        }
    }

    /// The first number of the version of plugin-abi.
    pub(super) fn abi_major(&self) -> Option<u32> {
        self.plugin_abi.split('.').next()?.parse().ok()
    }
}

fn words(value: &str) -> Vec<String> {
    value.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_unknown_absent_and_anything() {
        let text =
            b"name=a\0later=1\0hooks=on_auth on_tick\0nothing\0panic=abort\0\0description=\xFFx=\n\0\
              wants= kick  fly\0requires=>=1.1, <2";
        let manifest = Manifest {
            name: "a".into(),
            hooks: Some(vec!["on_auth".into(), "on_tick".into()]),
            panic_unwind: Some(false),
            description: "\u{FFFD}x=\\n".into(),
            wants: vec!["kick".into(), "fly".into()],
            requires: ">=1.1, <2".into(),
            ..Manifest::default()
        };
        assert_eq!(Manifest::parse(text), manifest);
        assert_eq!(Manifest::parse(b""), Manifest::default());
    }

    #[test]
    fn the_major_version_is_the_first_number() {
        for (version, major) in [("1.1.0", Some(1)), ("12.0", Some(12)), ("", None), ("x.1", None)]
        {
            let manifest = Manifest { plugin_abi: version.into(), ..Manifest::default() };
            assert_eq!(manifest.abi_major(), major);
        }
    }
}

//! On what terms a plugin is loaded: what its manifest asks of the broker, and what its entry in the
//! config allows. All of it is known before any of its code runs.

use plugin_abi::raw;
use semver::{Version, VersionReq};

use super::{Capabilities, Capability, Manifest, PluginEntry, Sha256, error::Reason};

/// All that its manifest says against loading it.
pub(super) fn check(manifest: &Manifest, entry: &PluginEntry) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if manifest.abi_major().is_some_and(|theirs| theirs != raw::ABI_VERSION >> 16) {
        reasons.push(Reason::Version { theirs: manifest.plugin_abi.clone() });
    }
    reasons.extend(check_requirement(&manifest.requires).err());
    if manifest.panic_unwind == Some(false) && !entry.allow_panic_abort {
        reasons.push(Reason::PanicAbort);
    }
    reasons.extend(check_capabilities(manifest, entry.capabilities));
    reasons
}

/// Whether it is the file that the entry means.
pub(super) fn check_file(found: Sha256, entry: &PluginEntry) -> Result<(), Reason> {
    match entry.sha256 {
        Some(pinned) if pinned != found => Err(Reason::OtherFile { found, pinned }),
        _ => Ok(()),
    }
}

/// What the operator lets it call; what it asks for, if the config does not say.
pub(super) fn granted(manifest: Option<&Manifest>, entry: &PluginEntry) -> Capabilities {
    entry.capabilities.unwrap_or_else(|| {
        let asked = manifest.into_iter().flat_map(|it| it.wants.iter().chain(&it.may_use));
        asked.filter_map(|name| Capability::named(name)).collect()
    })
}

fn check_requirement(requires: &str) -> Result<(), Reason> {
    if requires.is_empty() {
        return Ok(());
    }
    let requirement = VersionReq::parse(requires)
        .map_err(|error| Reason::BadRequirement { requires: requires.into(), error })?;
    let (major, minor) = (raw::ABI_VERSION >> 16, raw::ABI_VERSION & 0xFFFF);
    if requirement.matches(&Version::new(major.into(), minor.into(), 0)) {
        return Ok(());
    }
    Err(Reason::Requires(requires.into()))
}

fn check_capabilities(manifest: &Manifest, listed: Option<Capabilities>) -> Vec<Reason> {
    let is_unknown = |name: &&String| Capability::named(name).is_none();
    let (unknown, known): (Vec<&String>, Vec<_>) = manifest.wants.iter().partition(is_unknown);
    let mut reasons = Vec::new();
    if !unknown.is_empty() {
        reasons.push(Reason::UnknownCapability(join(&unknown)));
    }
    let Some(listed) = listed else { return reasons };
    let is_missing = |name: &&String| Capability::named(name).is_some_and(|it| !listed.has(it));
    let missing: Vec<&String> = known.into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        reasons.push(Reason::NotGranted(join(&missing)));
    }
    reasons
}

fn join(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(wants: &[&str], may_use: &[&str], requires: &str) -> Manifest {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Manifest {
            wants: names(wants),
            may_use: names(may_use),
            requires: requires.into(),
            ..Manifest::default()
        }
    }

    fn with(capabilities: Option<&[Capability]>) -> PluginEntry {
        let capabilities = capabilities.map(|all| all.iter().copied().collect());
        PluginEntry { capabilities, ..PluginEntry::default() }
    }

    #[track_caller]
    fn check_refusals(manifest: &Manifest, entry: &PluginEntry, expected: &[&str]) {
        let reasons: Vec<String> = check(manifest, entry).iter().map(ToString::to_string).collect();
        assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
        for (reason, start) in reasons.iter().zip(expected) {
            assert!(reason.starts_with(start), "{reason}");
        }
    }

    #[test]
    fn what_it_wants_is_granted_unless_the_config_says_what_is() {
        let asks = manifest(&["kick"], &["kv", "fly"], "");
        check_refusals(&asks, &with(None), &[]);
        assert_eq!(granted(Some(&asks), &with(None)).to_string(), "kick, kv");
        let kick = with(Some(&[Capability::Kick]));
        check_refusals(&asks, &kick, &[]);
        assert_eq!(granted(Some(&asks), &kick).to_string(), "kick");
        let nothing = with(Some(&[]));
        check_refusals(&asks, &nothing, &["it wants the capability kick"]);
        assert_eq!(granted(None, &with(None)).to_string(), "nothing");
        assert_eq!(granted(None, &kick).to_string(), "kick");
    }

    #[test]
    fn what_this_broker_does_not_know_cannot_be_granted() {
        let asks = manifest(&["fly", "kick", "swim"], &[], "");
        let unknown = "it wants the capability fly, swim, which this broker does not know";
        check_refusals(&asks, &with(None), &[unknown]);
        check_refusals(&asks, &with(Some(&[])), &[unknown, "it wants the capability kick, which"]);
    }

    #[test]
    fn it_says_which_brokers_it_is_for() {
        for requires in ["", "1", "1.0", "^1.1", ">=1.0, <2", "*"] {
            check_refusals(&manifest(&[], &[], requires), &with(None), &[]);
        }
        for requires in ["1.9", "2", "=1.0.7"] {
            let why = format!("it requires version {requires} of plugin-abi");
            check_refusals(&manifest(&[], &[], requires), &with(None), &[&why]);
        }
        let why = "it says that it requires version new of plugin-abi, which is no version";
        check_refusals(&manifest(&[], &[], "new"), &with(None), &[why]);
    }
}

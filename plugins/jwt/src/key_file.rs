//! Reads keys from files: a secret, a public key in PEM, or a set of keys (JWKS).

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use plugin_abi::log;
use serde_json::Value;

use crate::key::Key;
use crate::settings::KeySetting;

/// A problem is without the file, but for a blank: it comes behind a colon.
pub(crate) type Read = Result<Vec<Key>, Vec<String>>;

/// More of them could keep the broker busy with a token that names none.
const MOST: usize = 100;

/// The first line is the secret.
pub(crate) fn secret(bytes: &[u8], setting: &KeySetting) -> Read {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    one(Key::secret(line.strip_suffix(b"\r").unwrap_or(line), setting))
}

pub(crate) fn pem(bytes: &[u8], setting: &KeySetting) -> Read {
    one(Key::pem(bytes, setting))
}

fn one(key: Result<Key, String>) -> Read {
    key.map(|key| vec![key]).map_err(|why| vec![format!(" {why}")])
}

/// Keys that are for something else, or of a kind that is not known, are left out.
pub(crate) fn jwks(bytes: &[u8], setting: &KeySetting) -> Read {
    let set: Value = serde_json::from_slice(bytes)
        .map_err(|error| vec![format!("{}: {error}", error.line())])?;
    let Some(list) = set.get("keys").and_then(Value::as_array) else {
        return Err(vec![" expected a set of keys: { \"keys\": [ … ] }".to_owned()]);
    };
    let (mut keys, mut problems) = (Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        let name = value.get("kid").and_then(Value::as_str).unwrap_or("no kid");
        match jwk(value, setting) {
            None => log::debug!("key {index} ({name}) is not for signatures that are known"),
            Some(Ok(key)) => keys.push(key),
            Some(Err(why)) => problems.push(format!(" key {index} ({name}) of the set: {why}")),
        }
    }
    if keys.is_empty() && problems.is_empty() {
        problems.push(" no key of the set is for signatures that are known".to_owned());
    }
    if keys.len() > MOST {
        problems.push(format!(" the set has {} keys; {MOST} are allowed", keys.len()));
    }
    if problems.is_empty() { Ok(keys) } else { Err(problems) }
}

fn jwk(value: &Value, setting: &KeySetting) -> Option<Result<Key, String>> {
    // One that cannot be read is of a kind that is not known.
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    match jwk.common.public_key_use {
        None | Some(PublicKeyUse::Signature) => Key::jwk(&jwk, setting),
        Some(_) => None,
    }
}

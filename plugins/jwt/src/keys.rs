//! All keys of the config, those of files as the files are now.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jsonwebtoken::Algorithm;
use plugin_abi::log;
use watched_file::{Look, WatchedFile};

use crate::key::Key;
use crate::key_file::{self, Read};
use crate::settings::KeySetting;

pub(crate) struct Keys(Vec<Source>);

enum Source {
    Config(Arc<Vec<Key>>),
    File(WatchedFile<Vec<Key>>),
}

impl Keys {
    /// Reads all files. A relative name begins at `folder`. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// All that is wrong with files, or the first thing that is with the config.
    pub(crate) fn open(settings: &[KeySetting], folder: &Path) -> Result<Keys, String> {
        if settings.is_empty() {
            return Err("`keys`: there is none, so that no token is good".to_owned());
        }
        let sources: Result<Vec<Source>, String> = settings
            .iter()
            .enumerate()
            .map(|(index, setting)| {
                source(setting, folder).map_err(|why| format!("`keys[{index}]`: {why}"))
            })
            .collect();
        Ok(Keys(sources?))
    }

    /// Those that a token may be signed with that says this of itself.
    pub(crate) fn for_token(&self, algorithm: Algorithm, id: Option<&str>) -> Vec<Chosen> {
        let mut chosen = Vec::new();
        for source in &self.0 {
            let keys = match source {
                Source::Config(keys) => keys.clone(),
                Source::File(file) => file.current(),
            };
            let fitting = (0..keys.len())
                .filter(|index| keys.get(*index).is_some_and(|key| key.is_for(algorithm, id)));
            chosen.extend(fitting.map(|index| Chosen { keys: keys.clone(), index }));
        }
        chosen
    }

    /// Reads the files that have changed. Blocks on the disk.
    pub(crate) fn look(&self) {
        for source in &self.0 {
            let Source::File(file) = source else { continue };
            match file.look(Instant::now()) {
                Look::Same => {}
                Look::Read(keys) => {
                    log::info!("{} was read again: {} keys", file.path().display(), keys.len());
                }
                Look::Bad(problems) => {
                    for problem in problems {
                        log::error!("{problem}");
                    }
                    log::error!("{}: the keys of before stay", file.path().display());
                }
            }
        }
    }
}

/// A key, kept while a token is checked.
pub(crate) struct Chosen {
    keys: Arc<Vec<Key>>,
    index: usize,
}

impl Chosen {
    pub(crate) fn key(&self) -> Option<&Key> {
        self.keys.get(self.index)
    }
}

const ONE_OF: &str =
    "expected one of secret:, secret_file:, public_key_file: and jwks_file:, and no two";

fn source(setting: &KeySetting, folder: &Path) -> Result<Source, String> {
    type Parse = fn(&[u8], &KeySetting) -> Read;
    let KeySetting { secret, secret_file, public_key_file, jwks_file, .. } = setting;
    let is_secret = secret.is_some() || secret_file.is_some();
    if setting.base64 && !is_secret {
        return Err("base64: is for a secret".to_owned());
    }
    if setting.id.is_some() && jwks_file.is_some() {
        return Err("id: is not for a set, whose keys have their own".to_owned());
    }
    let (path, parse): (_, Parse) = match (secret, secret_file, public_key_file, jwks_file) {
        (Some(secret), None, None, None) => {
            let key = Key::secret(secret.as_bytes(), setting)?;
            return Ok(Source::Config(Arc::new(vec![key])));
        }
        (None, Some(path), None, None) => (path, key_file::secret),
        (None, None, Some(path), None) => (path, key_file::pem),
        (None, None, None, Some(path)) => (path, key_file::jwks),
        _ => return Err(ONE_OF.to_owned()),
    };
    let setting = setting.clone();
    WatchedFile::open(folder.join(path), move |bytes| parse(bytes, &setting))
        .map(Source::File)
        .map_err(|problems| problems.join("\n"))
}

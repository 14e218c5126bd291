//! The users of the file, as it is now, and whether a password is theirs.

use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Instant;

use password_file::{Cost, Hash, PasswordFile};
use plugin_abi::{Result, Verdict, log};
use watched_file::{Look, WatchedFile};

use crate::BAD_USER_NAME_OR_PASSWORD;

/// The permissions that nobody needs: hashes are guessed at leisure.
const FOR_OTHERS: u32 = 0o007;

pub(crate) struct Users {
    file: WatchedFile<PasswordFile>,
    /// What is checked in place of the password of somebody who is not there, if the file has nobody.
    decoy: Hash,
    /// Chooses by a name, as nobody else can.
    choice: RandomState,
}

impl Users {
    /// Blocks on the disk.
    pub(crate) fn open(path: PathBuf) -> Result<Users> {
        let file = WatchedFile::open(path, parse).map_err(|problems| problems.join("\n"))?;
        tell(&file, &file.current());
        let decoy = Hash::new(b"", Cost::default())?;
        Ok(Users { file, decoy, choice: RandomState::new() })
    }

    /// Reads the file anew if it has changed, and checks the password. Takes the time that the user's hash
    /// asks for, and blocks on the disk.
    pub(crate) fn verdict(&self, client_id: &str, name: &str, password: &[u8]) -> Verdict {
        self.look();
        if self.are_right(name, password) {
            return Verdict::Continue;
        }
        // A password that was typed as the name is no secret any more: the broker has it in its log too.
        log::debug!("{client_id:?} gave no right user name and password: {name:?}");
        Verdict::refuse_with(BAD_USER_NAME_OR_PASSWORD)
    }

    fn look(&self) {
        match self.file.look(Instant::now()) {
            Look::Same => {}
            Look::Read(users) => tell(&self.file, &users),
            Look::Bad(problems) => {
                for problem in problems {
                    log::error!("{problem}");
                }
                log::error!("{}: the users of before stay", self.file.path().display());
            }
        }
    }

    fn are_right(&self, name: &str, password: &[u8]) -> bool {
        let users = self.file.current();
        match users.hash_of(name) {
            Some(hash) => hash.verify(password),
            None => {
                // It takes as long as for somebody who is there, so that names cannot be told by it.
                self.stand_in(&users, name).verify(password);
                false
            }
        }
    }

    /// A hash of the file, for a name always the same: where they cost different times, those who are not
    /// there cost as different ones.
    fn stand_in<'a>(&'a self, users: &'a PasswordFile, name: &str) -> &'a Hash {
        let chosen = self.choice.hash_one(name) % (users.len().max(1) as u64);
        let user = users.users().nth(usize::try_from(chosen).unwrap_or_default());
        user.map_or(&self.decoy, |(_, hash)| hash)
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<PasswordFile, Vec<String>> {
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        vec![format!("{line}: not UTF-8")]
    })?;
    PasswordFile::parse(text).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn tell(file: &WatchedFile<PasswordFile>, users: &PasswordFile) {
    let path = file.path().display();
    match users.len() {
        0 => log::warn!("{path} has no users, so that nobody can log in"),
        1 => log::info!("{path} has one user"),
        many => log::info!("{path} has {many} users"),
    }
    let mode = std::fs::metadata(file.path()).map_or(0, |file| file.mode());
    if mode & FOR_OTHERS != 0 {
        log::warn!("{path} is open to every user of this machine; chmod o= {path} closes it");
    }
}

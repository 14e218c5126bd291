//! `hookmq passwd`: adds, changes, removes, lists and checks the users of the plugin `auth-file`.

mod prompt;
mod replace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use password_file::{Cost, Hash, PasswordFile, check_name};

use super::{complain, say};
use replace::Editing;

/// Add, change, remove, list and check the users of a password file
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Passwd {
    /// The file; one that is not there is created for its first user
    file: PathBuf,
    /// The user
    #[arg(required_unless_present = "list")]
    user: Option<String>,
    /// Remove the user
    #[arg(short = 'D', long, group = "what")]
    delete: bool,
    /// Say who the users are
    #[arg(long, group = "what", conflicts_with = "user")]
    list: bool,
    /// Say whether the password is the user's, and change nothing
    #[arg(long, group = "what")]
    verify: bool,
    /// Read the password from the first line of stdin, also from a terminal
    #[arg(long, conflicts_with_all = ["delete", "list"])]
    password_stdin: bool,
    /// How much memory hashing takes, in KiB: more is harder to guess, and costs the broker more
    #[arg(long, value_name = "KIB", default_value_t = Cost::default().memory, conflicts_with = "what")]
    memory: u32,
    /// How often that memory is gone over
    #[arg(long, value_name = "N", default_value_t = Cost::default().passes, conflicts_with = "what")]
    passes: u32,
}

const AFTER_HELP: &str = "\
The file is for the plugin auth-file, which reads it again by itself when it has changed. A line is a
user: NAME:HASH, the hash by argon2id. Comments and the order of lines are kept. The file is replaced
as a whole, so that nobody sees half of it; a new one can be read by its owner alone.

A password is asked for twice if stdin is a terminal, and else is the first line of stdin.

Examples:
  hookmq passwd users.txt alice                          add alice, or change her password
  hookmq passwd users.txt alice < password.txt           the same, in a script
  hookmq passwd users.txt --verify alice                 is that her password?
  hookmq passwd users.txt --delete alice
  hookmq passwd users.txt --list
  hookmq passwd users.txt pump --memory 4096 --passes 3  for a broker with little memory

Exit status: 0 if it is done, or the password is right; 1 if not; 2 if the arguments are wrong.";

impl Passwd {
    /// Blocks on the disk, and for whoever types.
    pub(crate) fn run(&self) -> ExitCode {
        match self.act() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(format_args!("{error:#}"));
                ExitCode::FAILURE
            }
        }
    }

    fn act(&self) -> anyhow::Result<()> {
        let Some(user) = self.user.as_deref() else { return self.list() };
        check_name(user)?;
        match (self.verify, self.delete) {
            (true, _) => self.verify(user),
            (_, true) => self.delete(user),
            _ => self.set(user),
        }
    }

    fn list(&self) -> anyhow::Result<()> {
        let file = read(&self.file)?;
        file.users().for_each(|(name, _)| say(name));
        Ok(())
    }

    fn verify(&self, user: &str) -> anyhow::Result<()> {
        let file = read(&self.file)?;
        let Some(hash) = file.hash_of(user) else { bail!(self.nobody(user)) };
        if !hash.verify(&prompt::password(self.password_stdin)?) {
            bail!("{}: that is not the password of {user:?}", self.file.display());
        }
        say(format_args!("{}: that is the password of {user:?}", self.file.display()));
        Ok(())
    }

    fn delete(&self, user: &str) -> anyhow::Result<()> {
        let editing = Editing::begin(&self.file)?;
        let mut file = read(editing.path())?;
        if !file.remove(user) {
            bail!(self.nobody(user));
        }
        editing.finish(&file.to_string())?;
        say(format_args!("{}: {user:?} removed", self.file.display()));
        Ok(())
    }

    fn set(&self, user: &str) -> anyhow::Result<()> {
        // What is wrong with the file is said before anybody has typed.
        read_or_begin(&self.file)?;
        let password = prompt::new_password(self.password_stdin)?;
        let hash = Hash::new(&password, Cost { memory: self.memory, passes: self.passes })?;
        let editing = Editing::begin(&self.file)?;
        let mut file = read_or_begin(editing.path())?;
        let is_new = file.set(user, hash)?;
        editing.finish(&file.to_string())?;
        let what = if is_new { "added" } else { "changed" };
        say(format_args!("{}: {user:?} {what}", self.file.display()));
        Ok(())
    }

    fn nobody(&self, user: &str) -> String {
        format!("{}: there is no user {user:?}", self.file.display())
    }
}

fn read(path: &Path) -> anyhow::Result<PasswordFile> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    parse(path, &text)
}

fn read_or_begin(path: &Path) -> anyhow::Result<PasswordFile> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(PasswordFile::default()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn parse(path: &Path, text: &str) -> anyhow::Result<PasswordFile> {
    PasswordFile::parse(text).map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("{}:{problem}", path.display()));
        anyhow::Error::msg(lines.collect::<Vec<_>>().join("\n"))
    })
}

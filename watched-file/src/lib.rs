//! A file that is read again when it has changed; a bad one leaves what was read before in force. It has no
//! thread of its own, and logs nothing: whoever asks it to look hears what came of it. A thread to ask from is
//! [`EverySecond`].

#![allow(clippy::disallowed_types, reason = "plugins have the locks of the standard library alone")]

mod every_second;
mod stamp;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

pub use every_second::EverySecond;
use stamp::Stamp;

/// What a file says, and the file.
pub struct WatchedFile<T> {
    path: PathBuf,
    parse: Parse<T>,
    current: RwLock<Arc<T>>,
    seen: Mutex<Seen>,
}

type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, Vec<String>> + Send + Sync>;

/// What came of a look.
#[derive(Debug)]
pub enum Look<T> {
    /// Nothing new: it is as before, or still bad, or it is not yet time to look again.
    Same,
    /// It has changed, and this is in force now.
    Read(Arc<T>),
    /// It has changed, and what was read before stays in force. Each line begins with the file.
    Bad(Vec<String>),
}

/// The file, as it was at the last look.
struct Seen {
    at: Instant,
    /// `None`: there was none.
    stamp: Option<Stamp>,
    /// A change since would have given it another stamp.
    settled: bool,
    /// `None`: it could not be read.
    contents: Option<Vec<u8>>,
}

impl Seen {
    fn read(at: Instant, clock: SystemTime, stamp: Stamp, contents: Vec<u8>) -> Seen {
        let settled = stamp.is_settled(clock);
        Seen { at, stamp: Some(stamp), settled, contents: Some(contents) }
    }
}

/// Nobody needs a change faster, and a look takes a system call.
const PAUSE: Duration = Duration::from_secs(1);

impl<T> WatchedFile<T> {
    /// Reads the file. `parse` is called for its bytes now and after each change. A problem that it returns
    /// goes behind the name of the file and a colon, so that it may begin with the number of a line. Blocks
    /// on the disk.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or `parse` has found problems: a line for each, which begins with the file.
    pub fn open(
        path: PathBuf,
        parse: impl Fn(&[u8]) -> Result<T, Vec<String>> + Send + Sync + 'static,
    ) -> Result<WatchedFile<T>, Vec<String>> {
        let at = Instant::now();
        let (stamp, contents) = read(&path).map_err(|error| vec![unreadable(&path, &error)])?;
        let value = parse(&contents).map_err(|problems| named(&path, problems))?;
        Ok(WatchedFile {
            path,
            parse: Box::new(parse),
            current: RwLock::new(Arc::new(value)),
            seen: Mutex::new(Seen::read(at, SystemTime::now(), stamp, contents)),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in force. Never blocks on the disk.
    pub fn current(&self) -> Arc<T> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again if it has changed, and the last look is a second ago. Of threads that look at
    /// the same time one does so, and the others hear [`Look::Same`] at once. One that has changed just now
    /// may be half written, and is left for the next look. Blocks on the disk.
    pub fn look(&self, now: Instant) -> Look<T> {
        self.look_by(now, SystemTime::now())
    }

    /// By the clock that stamps files too.
    fn look_by(&self, now: Instant, clock: SystemTime) -> Look<T> {
        let Ok(mut seen) = self.seen.try_lock() else { return Look::Same };
        if now.saturating_duration_since(seen.at) < PAUSE {
            return Look::Same;
        }
        seen.at = now;
        let stamp = Stamp::of(&self.path).ok();
        if stamp == seen.stamp && seen.settled {
            return Look::Same;
        }
        match read(&self.path) {
            Ok((stamp, _)) if stamp.is_fresh(clock) => Look::Same,
            Ok((stamp, contents)) if seen.contents.as_ref() == Some(&contents) => {
                *seen = Seen::read(now, clock, stamp, contents);
                Look::Same
            }
            Ok((stamp, contents)) => {
                let parsed = (self.parse)(&contents);
                *seen = Seen::read(now, clock, stamp, contents);
                self.take(parsed)
            }
            Err(error) => {
                let before = seen.contents.take();
                // The next time it may work: there may have been too many open files.
                *seen = Seen { at: now, stamp, settled: false, contents: None };
                match before {
                    Some(_) => Look::Bad(vec![unreadable(&self.path, &error)]),
                    None => Look::Same,
                }
            }
        }
    }

    fn take(&self, parsed: Result<T, Vec<String>>) -> Look<T> {
        match parsed {
            Ok(value) => {
                let value = Arc::new(value);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = value.clone();
                Look::Read(value)
            }
            Err(problems) => Look::Bad(named(&self.path, problems)),
        }
    }
}

/// The stamp is that of before: what is written meanwhile is seen at the next look.
fn read(path: &Path) -> io::Result<(Stamp, Vec<u8>)> {
    let mut file = File::open(path)?;
    let stamp = Stamp::from(&file.metadata()?);
    let mut contents = Vec::new();
    file.read_to_end(&mut contents)?;
    Ok((stamp, contents))
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{}: cannot be read: {error}", path.display())
}

fn named(path: &Path, problems: Vec<String>) -> Vec<String> {
    problems.into_iter().map(|problem| format!("{}:{problem}", path.display())).collect()
}

impl<T> std::fmt::Debug for WatchedFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::time::UNIX_EPOCH;

    use super::*;

    struct Watched {
        file: WatchedFile<u32>,
        now: Instant,
        _dir: tempfile::TempDir,
    }

    fn number(bytes: &[u8]) -> Result<u32, Vec<String>> {
        let text = String::from_utf8_lossy(bytes);
        text.trim().parse().map_err(|error| vec![format!("1: {text:?}: {error}")])
    }

    /// What was written until now is written by then.
    fn a_second_later() -> SystemTime {
        SystemTime::now() + PAUSE
    }

    impl Watched {
        fn new() -> Watched {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("number");
            fs::write(&path, "1").unwrap();
            let file = WatchedFile::open(path, number).unwrap();
            Watched { file, now: Instant::now(), _dir: dir }
        }

        /// What a look says after a while, with the name of the file left out.
        fn look(&mut self) -> Result<Option<u32>, String> {
            self.now += PAUSE;
            match self.file.look_by(self.now, a_second_later()) {
                Look::Same => Ok(None),
                Look::Read(number) => Ok(Some(*number)),
                Look::Bad(problems) => {
                    let name = format!("{}:", self.file.path().display());
                    Err(problems.join("\n").replace(&name, ""))
                }
            }
        }

        fn write(&self, text: &str) {
            fs::write(self.file.path(), text).unwrap();
        }

        /// As a careful editor does.
        fn replace(&self, text: &str) {
            let new = self.file.path().with_extension("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, self.file.path()).unwrap();
        }
    }

    #[test]
    fn changes_are_seen_however_they_are_made() {
        let mut watched = Watched::new();
        assert_eq!(*watched.file.current(), 1);
        assert_eq!(watched.look(), Ok(None));
        watched.replace("2");
        assert_eq!(watched.look(), Ok(Some(2)));
        // The same length, and the same instant as the clock of the file system goes.
        for number in 3..9 {
            watched.write(&number.to_string());
            assert_eq!(watched.look(), Ok(Some(number)));
        }
        assert_eq!(watched.look(), Ok(None));
        watched.replace("8");
        assert_eq!(watched.look(), Ok(None), "it says the same");
        assert_eq!(*watched.file.current(), 8);
    }

    #[test]
    fn a_bad_file_is_told_once_and_changes_nothing() {
        let mut watched = Watched::new();
        watched.write("x");
        assert_eq!(watched.look(), Err(r#"1: "x": invalid digit found in string"#.to_owned()));
        assert_eq!(watched.look(), Ok(None));
        assert_eq!(*watched.file.current(), 1);
        watched.write("1");
        assert_eq!(watched.look(), Ok(Some(1)), "whoever was told hears that it is well again");
        fs::remove_file(watched.file.path()).unwrap();
        let gone = watched.look().unwrap_err();
        assert!(gone.starts_with(" cannot be read: No such file"), "{gone}");
        assert_eq!(watched.look(), Ok(None));
        assert_eq!(*watched.file.current(), 1);
        watched.write("1");
        assert_eq!(watched.look(), Ok(Some(1)));
    }

    #[test]
    fn it_is_looked_at_once_a_second() {
        let watched = Watched::new();
        watched.replace("2");
        assert!(matches!(watched.file.look(Instant::now()), Look::Same));
        let look = |now| watched.file.look_by(now, a_second_later());
        assert!(matches!(look(watched.now + PAUSE), Look::Read(_)));
        watched.replace("3");
        assert!(matches!(look(watched.now + PAUSE + PAUSE / 2), Look::Same));
        assert!(matches!(look(watched.now + PAUSE * 2), Look::Read(_)));
    }

    #[test]
    fn one_that_has_just_changed_is_left_for_the_next_look() {
        let mut watched = Watched::new();
        watched.write("");
        let changed = fs::metadata(watched.file.path()).unwrap();
        let since = Duration::new(
            changed.ctime().try_into().unwrap(),
            changed.ctime_nsec().try_into().unwrap(),
        );
        let just_now = UNIX_EPOCH + since + Duration::from_millis(299);
        assert!(matches!(watched.file.look_by(watched.now + PAUSE, just_now), Look::Same));
        watched.now += PAUSE;
        watched.write("2");
        assert_eq!(watched.look(), Ok(Some(2)));
    }

    #[test]
    fn one_that_could_not_be_opened_is_tried_again() {
        let mut watched = Watched::new();
        fs::remove_file(watched.file.path()).unwrap();
        // It has a stamp, and cannot be read.
        fs::create_dir(watched.file.path()).unwrap();
        watched.now += PAUSE;
        let long_after = SystemTime::now() + PAUSE * 60;
        assert!(matches!(watched.file.look_by(watched.now, long_after), Look::Bad(_)));
        assert!(
            !watched.file.seen.lock().unwrap().settled,
            "what hindered may not change the stamp"
        );
        assert_eq!(watched.look(), Ok(None), "it is told once");
    }

    #[test]
    fn what_is_bad_at_first_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        let error = WatchedFile::open(path.clone(), number).unwrap_err();
        let start = format!("{}: cannot be read: No such file", path.display());
        assert!(error[0].starts_with(&start), "{error:?}");
        fs::write(&path, "x").unwrap();
        let error = WatchedFile::open(path.clone(), number).unwrap_err();
        let text = format!("{}:1: \"x\": invalid digit found in string", path.display());
        assert_eq!(error, [text]);
    }
}

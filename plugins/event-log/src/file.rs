//! The file that lines go to, and the older ones beside it: `events.jsonl`, `events.jsonl.1`, …

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plugin_config::{Period, Size};

use crate::settings::Rotate;

pub(crate) struct LogFile {
    path: PathBuf,
    rotate: Rotate,
    file: File,
    /// As far as there are whole lines.
    len: u64,
    begun: SystemTime,
}

impl LogFile {
    /// Goes on behind what is there already.
    pub(crate) fn open(path: PathBuf, rotate: Rotate) -> io::Result<LogFile> {
        let file = open(&path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        // Not every file system knows; then it is as old as we know it.
        let begun = about.created().unwrap_or_else(|_| SystemTime::now());
        Ok(LogFile { path, rotate, file, len: about.len(), begun })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes whole lines, and begins a new file where it is time to.
    ///
    /// # Errors
    /// How many lines are not written, and why. No line is written in part.
    pub(crate) fn write(&mut self, lines: &[u8], now: SystemTime) -> Result<(), (u64, io::Error)> {
        let mut rest = lines;
        while !rest.is_empty() {
            match self.piece(rest, now).and_then(|piece| self.append(piece)) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) => {
                    let lines = rest.iter().filter(|byte| **byte == b'\n').count();
                    return Err((lines as u64, error));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Opens the file anew if somebody has moved or removed it, as tools that rotate logs do.
    pub(crate) fn follow(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        let is_same = |there: fs::Metadata| (there.dev(), there.ino()) == (ours.dev(), ours.ino());
        if fs::metadata(&self.path).is_ok_and(is_same) {
            return Ok(());
        }
        *self = LogFile::open(self.path.clone(), self.rotate)?;
        Ok(())
    }

    /// How much of it goes into one file: the first lines that fit, and one that never fits.
    fn piece<'a>(&mut self, lines: &'a [u8], now: SystemTime) -> io::Result<&'a [u8]> {
        let is_old = |Period(age)| now.duration_since(self.begun).is_ok_and(|it| it >= age);
        if self.len > 0 && self.rotate.age.is_some_and(is_old) {
            self.begin_anew(now)?;
        }
        let Some(Size(size)) = self.rotate.size else { return Ok(lines) };
        if let Some(piece) = whole_lines(lines, size.saturating_sub(self.len)) {
            return Ok(piece);
        }
        if self.len > 0 {
            self.begin_anew(now)?;
        }
        Ok(whole_lines(lines, size).unwrap_or_else(|| first_line(lines)))
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self.file.write_all(lines) {
            Ok(()) => {
                self.len += lines.len() as u64;
                Ok(lines.len())
            }
            Err(error) => {
                // A line in part would spoil the next one.
                let _ = self.file.set_len(self.len);
                Err(error)
            }
        }
    }

    fn begin_anew(&mut self, now: SystemTime) -> io::Result<()> {
        let keep = self.rotate.keep;
        for number in (1..keep).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match keep {
            0 => fs::remove_file(&self.path)?,
            _ => fs::rename(&self.path, self.numbered(1))?,
        }
        self.file = open(&self.path)?;
        (self.len, self.begun) = (0, now);
        Ok(())
    }

    fn numbered(&self, number: u16) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open(path: &Path) -> io::Result<File> {
    // What clients send is not for everybody on the machine.
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// As many lines as have room, at least one.
fn whole_lines(lines: &[u8], room: u64) -> Option<&[u8]> {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
    let fitting = lines.get(..room)?;
    let end = fitting.iter().rposition(|byte| *byte == b'\n')?;
    fitting.get(..=end)
}

fn first_line(lines: &[u8]) -> &[u8] {
    let end = lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1);
    lines.get(..end).unwrap_or(lines)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Folder {
            Folder(tempfile::tempdir().unwrap())
        }

        fn open(&self, size: Option<u64>, age: Option<u64>, keep: u16) -> LogFile {
            let age = age.map(|seconds| Period(Duration::from_secs(seconds)));
            let rotate = Rotate { size: size.map(Size), age, keep };
            LogFile::open(self.0.path().join("log"), rotate).unwrap()
        }

        /// What is in the files, by their names.
        fn files(&self) -> Vec<(String, String)> {
            let read = |entry: io::Result<fs::DirEntry>| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read_to_string(entry.path()).unwrap())
            };
            let mut files: Vec<_> = fs::read_dir(self.0.path()).unwrap().map(read).collect();
            files.sort();
            files
        }

        #[track_caller]
        fn check(&self, expected: &[(&str, &str)]) {
            let files = self.files();
            let files: Vec<_> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
            assert_eq!(files, expected);
        }
    }

    #[test]
    fn it_goes_on_behind_what_is_there() {
        let folder = Folder::new();
        for line in [b"a\n", b"b\n"] {
            folder.open(None, None, 7).write(line, SystemTime::now()).unwrap();
        }
        folder.check(&[("log", "a\nb\n")]);
    }

    #[test]
    fn a_file_that_is_full_is_put_aside() {
        let folder = Folder::new();
        let mut file = folder.open(Some(4), None, 2);
        let now = SystemTime::now();
        file.write(b"a\nb\nc\n", now).unwrap();
        folder.check(&[("log", "c\n"), ("log.1", "a\nb\n")]);
        // The first fits; a line that never fits has a file of its own.
        file.write(b"d\nlonger\ne\n", now).unwrap();
        folder.check(&[("log", "e\n"), ("log.1", "longer\n"), ("log.2", "c\nd\n")]);
        // It counts what is there already.
        let mut file = folder.open(Some(4), None, 2);
        file.write(b"xyz\n", now).unwrap();
        folder.check(&[("log", "xyz\n"), ("log.1", "e\n"), ("log.2", "longer\n")]);
    }

    #[test]
    fn without_any_to_keep_the_old_one_goes() {
        let folder = Folder::new();
        folder.open(Some(2), None, 0).write(b"a\nb\n", SystemTime::now()).unwrap();
        folder.check(&[("log", "b\n")]);
    }

    #[test]
    fn an_old_file_is_put_aside() {
        let folder = Folder::new();
        let mut file = folder.open(None, Some(60), 7);
        let start = SystemTime::now() + Duration::from_secs(1);
        let after = |seconds| start + Duration::from_secs(seconds);
        file.write(b"a\n", after(0)).unwrap();
        file.write(b"b\n", after(58)).unwrap();
        folder.check(&[("log", "a\nb\n")]);
        file.write(b"c\n", after(60)).unwrap();
        file.write(b"d\n", after(119)).unwrap();
        folder.check(&[("log", "c\nd\n"), ("log.1", "a\nb\n")]);
        file.write(b"e\n", after(120)).unwrap();
        folder.check(&[("log", "e\n"), ("log.1", "c\nd\n"), ("log.2", "a\nb\n")]);
    }

    #[test]
    fn a_file_that_was_moved_is_begun_again() {
        let folder = Folder::new();
        let mut file = folder.open(None, None, 7);
        let now = SystemTime::now();
        file.write(b"a\n", now).unwrap();
        fs::rename(folder.0.path().join("log"), folder.0.path().join("moved")).unwrap();
        file.write(b"b\n", now).unwrap();
        file.follow().unwrap();
        file.write(b"c\n", now).unwrap();
        file.follow().unwrap();
        file.write(b"d\n", now).unwrap();
        folder.check(&[("log", "c\nd\n"), ("moved", "a\nb\n")]);
    }

    /// /dev/full takes nothing; it stands for a disk that is full.
    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = Folder::new();
        let mut file = folder.open(None, None, 7);
        file.file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let (lines, error) = file.write(b"a\nb\n", SystemTime::now()).unwrap_err();
        assert_eq!((lines, error.kind()), (2, io::ErrorKind::StorageFull));
        assert!(LogFile::open("/dev/full".into(), Rotate::default()).is_err());
    }
}

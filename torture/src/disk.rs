//! A disk that can fail: `disk.c` in front of the C library of a process. And what it would hold if the power
//! went at some moment, by the trace of what was written and of what was brought to the disk.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::preload;
use crate::random::Random;

const PAGE: usize = 4096;

/// The library, built once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| preload::build(include_str!("disk.c")))
}

/// What makes a process use it for the files below `dir`.
pub fn environment(dir: &Path) -> [(&'static str, PathBuf); 2] {
    [("LD_PRELOAD", library().to_owned()), ("DISK_DIR", dir.to_owned())]
}

/// Makes a process use it for the files below `dir`.
pub fn watch(command: &mut Command, dir: &Path) {
    command.envs(environment(dir));
}

/// Lets a process with `DISK_CONTROL` make its files longer by so many bytes in all, and fsync fail.
pub fn limit(control: &Path, bytes: u64, fsync_fails: bool) {
    // As a whole or not at all.
    let new = control.with_extension("new");
    fs::write(&new, format!("{bytes} {}\n", u8::from(fsync_fails))).expect("a file is written");
    fs::rename(new, control).expect("it is renamed");
}

/// One thing that a process did.
pub struct Record<'a> {
    kind: u8,
    inode: u64,
    at: u64,
    /// What was written.
    pub data: &'a [u8],
}

impl Record<'_> {
    /// Something it wrote to its standard output.
    pub fn is_output(&self) -> bool {
        self.kind == b'L'
    }
}

/// A trace; what is cut off at its end is left out.
pub fn records(mut trace: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((head, rest)) = trace.split_at_checked(25) {
        let number = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
        let len = usize::try_from(number(17)).unwrap();
        let Some((data, rest)) = rest.split_at_checked(len) else { break };
        records.push(Record { kind: head[0], inode: number(1), at: number(9), data });
        trace = rest;
    }
    records
}

/// What becomes of what was written and not brought to the disk.
#[derive(Clone, Copy, Debug)]
pub enum Unsynced {
    /// It is lost.
    Lost,
    /// It is on the disk all the same.
    Kept,
    /// Some pages of it are on the disk, in no order.
    Torn,
}

/// An inode may be given again; the second number tells files of one from each other.
type Key = (u64, u32);

/// What a disk holds, and what is only on its way to it.
pub struct Disk {
    root: u64,
    uses: HashMap<u64, u32>,
    files: HashMap<Key, Content>,
    folders: HashMap<u64, Vec<Entry>>,
}

#[derive(Clone)]
struct Entry {
    name: String,
    key: Key,
    is_folder: bool,
}

#[derive(Clone, Default)]
struct Content {
    len: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
    /// Writes and truncations since the last fsync.
    unsynced: Vec<(u64, Option<Vec<u8>>)>,
}

impl Disk {
    /// All that is in the folder `root` is on the disk.
    pub fn new(root: &Path) -> Disk {
        let (uses, files, folders) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut disk = Disk { root: inode(root), uses, files, folders };
        disk.read_folder(root);
        disk
    }

    fn read_folder(&mut self, folder: &Path) {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let (key, is_folder) = ((inode(&path), 0), path.is_dir());
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            entries.push(Entry { name, key, is_folder });
            if is_folder {
                self.read_folder(&path);
            } else {
                let mut content = Content::default();
                content.change((0, Some(fs::read(&path).unwrap())));
                self.files.insert(key, content);
            }
        }
        self.folders.insert(inode(folder), entries);
    }

    /// What the process did next.
    pub fn apply(&mut self, record: &Record<'_>) {
        let Record { kind, inode, at, data } = *record;
        let key = (inode, self.uses.get(&inode).copied().unwrap_or(0));
        match kind {
            b'C' => *self.uses.entry(inode).or_default() += 1,
            b'W' => self.file(key).unsynced.push((at, Some(data.to_vec()))),
            b'T' => self.file(key).unsynced.push((at, None)),
            b'S' => {
                let file = self.file(key);
                for change in std::mem::take(&mut file.unsynced) {
                    file.change(change);
                }
            }
            b'N' => {
                let text = str::from_utf8(data).unwrap();
                let entries = text.lines().map(|line| self.entry(line)).collect();
                self.folders.insert(inode, entries);
            }
            _ => {}
        }
    }

    fn file(&mut self, key: Key) -> &mut Content {
        self.files.entry(key).or_default()
    }

    fn entry(&self, line: &str) -> Entry {
        let mut words = line.splitn(3, ' ');
        let inode = words.next().unwrap().parse().unwrap();
        let is_folder = words.next() == Some("d");
        let key = (inode, self.uses.get(&inode).copied().unwrap_or(0));
        Entry { name: words.next().unwrap().to_owned(), key, is_folder }
    }

    /// Writes what it holds when the power goes now.
    pub fn write_to(&self, dir: &Path, unsynced: Unsynced, random: &mut Random) {
        self.write_folder(self.root, dir, unsynced, random);
    }

    fn write_folder(&self, inode: u64, dir: &Path, unsynced: Unsynced, random: &mut Random) {
        fs::create_dir_all(dir).unwrap();
        for Entry { name, key, is_folder } in self.folders.get(&inode).into_iter().flatten() {
            let path = dir.join(name);
            if *is_folder {
                self.write_folder(key.0, &path, unsynced, random);
            } else {
                let content = self.files.get(key).cloned().unwrap_or_default();
                content.after(unsynced, random).write(&path);
            }
        }
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

impl Content {
    fn after(mut self, unsynced: Unsynced, random: &mut Random) -> Content {
        for (at, data) in std::mem::take(&mut self.unsynced) {
            match (unsynced, data) {
                (Unsynced::Lost, _) => {}
                (Unsynced::Torn, Some(data)) => self.tear(at, &data, random),
                (_, data) => self.change((at, data)),
            }
        }
        self
    }

    fn tear(&mut self, at: u64, data: &[u8], random: &mut Random) {
        for (at, piece) in pieces(at, data) {
            if random.below(2) == 0 {
                self.change((at, Some(piece.to_vec())));
            }
        }
    }

    fn change(&mut self, (at, data): (u64, Option<Vec<u8>>)) {
        let Some(data) = data else {
            self.truncate(at);
            return;
        };
        for (at, piece) in pieces(at, &data) {
            let page = self.pages.entry(at / PAGE as u64).or_insert_with(|| Box::new([0; PAGE]));
            let from = usize::try_from(at).unwrap() % PAGE;
            page[from..from + piece.len()].copy_from_slice(piece);
        }
        self.len = self.len.max(at + data.len() as u64);
    }

    fn truncate(&mut self, len: u64) {
        self.pages.retain(|page, _| page * (PAGE as u64) < len);
        if let Some(page) = self.pages.get_mut(&(len / PAGE as u64)) {
            page[usize::try_from(len).unwrap() % PAGE..].fill(0);
        }
        self.len = len;
    }

    fn write(&self, path: &Path) {
        let mut file = File::create(path).unwrap();
        for (page, bytes) in &self.pages {
            file.seek(SeekFrom::Start(page * PAGE as u64)).unwrap();
            file.write_all(&**bytes).unwrap();
        }
        file.set_len(self.len).unwrap();
    }
}

/// Data that is written at `at`, page by page.
fn pieces(mut at: u64, mut data: &[u8]) -> Vec<(u64, &[u8])> {
    let mut pieces = Vec::new();
    while !data.is_empty() {
        let left = PAGE - usize::try_from(at).unwrap() % PAGE;
        let (piece, rest) = data.split_at(left.min(data.len()));
        pieces.push((at, piece));
        at += piece.len() as u64;
        data = rest;
    }
    pieces
}

//! The store of one plugin: pairs of keys and values in memory, which a thread writes behind to a file of
//! the plugin's own. It belongs to the plugin's name, and survives reloads and restarts.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::Declined;

mod changed;
mod file;
mod writer;

use changed::Changed;
use file::File;
pub(crate) use file::KvError;
pub(super) use writer::Writer;

/// What a pair counts for beside its key and value.
const OVERHEAD: usize = 64;
/// What keys may take that the disk has not got yet, beside those of a full store.
const SPARE: usize = 4 * 1024 * 1024;
/// Pairs that are looked at under the lock, for a walk.
const PER_STEP: usize = 256;
/// The end of what does not end.
const NEVER: u64 = u64::MAX;

pub(crate) struct Kv {
    max_bytes: usize,
    pairs: Mutex<Pairs>,
    file: Mutex<File>,
}

#[derive(Default)]
struct Pairs {
    by_key: BTreeMap<Box<[u8]>, Pair>,
    bytes: usize,
    /// No pair ends before it.
    soonest: u64,
    changed: Changed,
    /// The writer knows of them.
    told: bool,
}

/// A key and its value.
type Shown = (Box<[u8]>, Arc<[u8]>);

#[derive(Clone)]
struct Pair {
    value: Arc<[u8]>,
    /// In milliseconds since 1970, so that it means the same after a restart.
    ends: u64,
}

impl Kv {
    /// Reads what the file has, if there is one. Blocks on the disk.
    pub(super) fn open(file: PathBuf, max_bytes: usize) -> Result<Kv, KvError> {
        let (mut pairs, now) = (Pairs::default(), now());
        let file = File::open(file, |key, pair| {
            let is_over = pair.ends <= now;
            if is_over {
                pairs.changed.insert(key.into());
            } else {
                pairs.put(key.into(), pair);
            }
        })?;
        Ok(Kv { max_bytes, pairs: Mutex::new(pairs), file: Mutex::new(file) })
    }

    pub(super) fn set(&self, key: &[u8], value: &[u8], seconds: u32) -> Result<(), Declined> {
        let now = now();
        let ends = match seconds {
            0 => NEVER,
            seconds => now + 1000 * u64::from(seconds),
        };
        let mut pairs = self.pairs.lock();
        // Each pair that is there can be removed, whatever the disk does.
        if !pairs.changed.has_room(key, self.max_bytes + SPARE) {
            return Err(Declined::Full);
        }
        if !pairs.has_room(key, value, self.max_bytes) {
            pairs.sweep(now);
            if !pairs.has_room(key, value, self.max_bytes) {
                return Err(Declined::Full);
            }
        }
        pairs.put(key.into(), Pair { value: value.into(), ends });
        pairs.changed.insert(key.into());
        Ok(())
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Arc<[u8]>, Declined> {
        let now = now();
        let pairs = self.pairs.lock();
        let pair = pairs.by_key.get(key).filter(|pair| pair.ends > now);
        pair.map(|pair| pair.value.clone()).ok_or(Declined::NotThere)
    }

    pub(super) fn remove(&self, key: &[u8]) -> Result<(), Declined> {
        let now = now();
        let mut pairs = self.pairs.lock();
        let removed = pairs.take(key).ok_or(Declined::NotThere)?;
        pairs.changed.insert(key.into());
        if removed.ends > now { Ok(()) } else { Err(Declined::NotThere) }
    }

    /// Shows the pairs whose keys begin so, in their order, until `show` wants no more. Returns how many.
    /// Nothing is locked meanwhile; what is changed behind the place where it stands is shown as it is
    /// then.
    pub(super) fn each(&self, prefix: &[u8], mut show: impl FnMut(&[u8], &[u8]) -> bool) -> u64 {
        let (mut shown, mut last) = (0, None::<Box<[u8]>>);
        loop {
            let step = self.step(prefix, last.as_deref());
            let Some((key, _)) = step.last() else { return shown };
            last = Some(key.clone());
            for (key, value) in &step {
                shown += 1;
                if !show(key, value) {
                    return shown;
                }
            }
        }
    }

    /// Some pairs behind `last`. None: that was all.
    fn step(&self, prefix: &[u8], last: Option<&[u8]>) -> Vec<Shown> {
        let now = now();
        let from = last.map_or(Bound::Included(prefix), Bound::Excluded);
        let pairs = self.pairs.lock();
        let found = pairs.by_key.range::<[u8], _>((from, Bound::Unbounded));
        found
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, pair)| pair.ends > now)
            .take(PER_STEP)
            .map(|(key, pair)| (key.clone(), pair.value.clone()))
            .collect()
    }

    /// Whether the writer is to be told that something has changed; it is asked once.
    pub(super) fn has_news(&self) -> bool {
        let mut pairs = self.pairs.lock();
        !pairs.changed.is_empty() && !std::mem::replace(&mut pairs.told, true)
    }

    /// Writes what has changed since the last time. Blocks on the disk.
    fn write(&self) -> Result<(), KvError> {
        let mut file = self.file.lock();
        let mut pairs = self.pairs.lock();
        let keys = pairs.changed.take();
        pairs.told = false;
        let changes: Vec<_> =
            keys.iter().map(|key| (&**key, pairs.by_key.get(key).cloned())).collect();
        drop(pairs);
        let written = file.write(&changes);
        let mut pairs = self.pairs.lock();
        if written.is_ok() {
            pairs.changed.written(&keys);
        } else {
            pairs.changed.put_back(keys);
            // It tries again by itself.
            pairs.told = true;
        }
        written
    }
}

impl Pairs {
    fn put(&mut self, key: Box<[u8]>, pair: Pair) {
        self.take(&key);
        self.bytes += cost(&key, &pair.value);
        self.soonest = self.soonest.min(pair.ends);
        self.by_key.insert(key, pair);
    }

    fn take(&mut self, key: &[u8]) -> Option<Pair> {
        let pair = self.by_key.remove(key)?;
        self.bytes -= cost(key, &pair.value);
        Some(pair)
    }

    fn has_room(&self, key: &[u8], value: &[u8], max: usize) -> bool {
        let before = self.by_key.get(key).map_or(0, |pair| cost(key, &pair.value));
        self.bytes - before + cost(key, value) <= max
    }

    /// Lets go of what is over.
    fn sweep(&mut self, now: u64) {
        if self.soonest > now {
            return;
        }
        let over: Vec<Box<[u8]>> = self
            .by_key
            .iter()
            .filter(|(_, pair)| pair.ends <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            self.take(&key);
            self.changed.insert(key);
        }
        self.soonest = self.by_key.values().map(|pair| pair.ends).min().unwrap_or(NEVER);
    }
}

fn cost(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + OVERHEAD
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &tempfile::TempDir, max_bytes: usize) -> Result<Kv, KvError> {
        Kv::open(folder.path().join("p.kv"), max_bytes)
    }

    fn is_over(kv: &Kv, key: &[u8]) {
        kv.pairs.lock().put(key.into(), Pair { value: b"over"[..].into(), ends: 1 });
    }

    fn shown(kv: &Kv, prefix: &str) -> Vec<String> {
        let mut shown = Vec::new();
        kv.each(prefix.as_bytes(), |key, _| {
            shown.push(String::from_utf8_lossy(key).into_owned());
            true
        });
        shown
    }

    #[test]
    fn what_was_written_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let kv = open(&folder, 10_000).unwrap();
        assert!(!kv.has_news());
        assert_eq!(kv.set(b"a", b"1", 0), Ok(()));
        assert!(kv.has_news() && !kv.has_news());
        assert_eq!(kv.set(b"b", b"2", 0), Ok(()));
        assert_eq!(kv.set(b"over", b"3", 1), Ok(()));
        kv.write().unwrap();
        assert_eq!(kv.remove(b"b"), Ok(()));
        assert!(kv.has_news());
        assert_eq!(kv.remove(b"b"), Err(Declined::NotThere));
        kv.set(b"a", b"4", 0).unwrap();
        kv.pairs.lock().by_key.get_mut(&b"over"[..]).unwrap().ends = 1;
        kv.set(b"a\0", b"", 0).unwrap();
        kv.write().unwrap();
        drop(kv);
        let kv = open(&folder, 10_000).unwrap();
        assert_eq!(kv.get(b"a").as_deref(), Ok(&b"4"[..]));
        assert_eq!(kv.get(b"b"), Err(Declined::NotThere));
        assert_eq!(shown(&kv, ""), ["a", "a\0", "over"]);
        assert_eq!(kv.pairs.lock().bytes, 3 * OVERHEAD + 2 + 2 + 5);
    }

    #[test]
    fn what_is_over_is_not_there_and_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let kv = open(&folder, 2 * (OVERHEAD + 2)).unwrap();
        kv.set(b"a", b"1", 1).unwrap();
        kv.set(b"b", b"2", 0).unwrap();
        assert_eq!(kv.set(b"c", b"3", 0), Err(Declined::Full));
        assert_eq!(kv.set(b"b", b"", 0), Ok(()), "it takes the place of the one before");
        assert!(kv.pairs.lock().soonest > now(), "nobody looks for what is over until then");
        is_over(&kv, b"a");
        assert_eq!(kv.get(b"a"), Err(Declined::NotThere));
        assert_eq!(shown(&kv, ""), ["b"]);
        assert_eq!(kv.set(b"c", b"3", 0), Ok(()));
        assert_eq!(kv.remove(b"a"), Err(Declined::NotThere));
    }

    #[test]
    fn what_the_disk_does_not_take_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        // There is no such folder, and none can be made.
        std::fs::write(folder.path().join("file"), "").unwrap();
        let kv = Kv::open(folder.path().join("file/p.kv"), 1000).unwrap();
        let put = |number: u32| {
            let set = kv.set(&number.to_le_bytes(), b"", 0);
            set.and_then(|()| kv.remove(&number.to_le_bytes()))
        };
        let most = ((1000 + SPARE) / (OVERHEAD + 4)) as u32;
        for number in 0..most {
            if number == most / 2 {
                kv.write().unwrap_err();
            }
            assert_eq!(put(number), Ok(()));
        }
        assert_eq!(put(most), Err(Declined::Full));
        assert_eq!(put(0), Ok(()), "it is among them");
        kv.write().unwrap_err();
        assert_eq!(put(most), Err(Declined::Full));
        std::fs::remove_file(folder.path().join("file")).unwrap();
        kv.write().unwrap();
        assert_eq!(put(most), Ok(()));
    }

    #[test]
    fn a_walk_goes_on_where_it_stood() {
        let folder = tempfile::tempdir().unwrap();
        let kv = open(&folder, 1_000_000).unwrap();
        for number in 0..3 * PER_STEP {
            kv.set(format!("k/{number:04}").as_bytes(), b"", 0).unwrap();
        }
        kv.set(b"l", b"", 0).unwrap();
        let mut seen = 0;
        kv.each(b"k/", |key, _| {
            // Nothing is locked.
            kv.remove(key).unwrap();
            seen += 1;
            true
        });
        assert_eq!((seen, shown(&kv, "")), (3 * PER_STEP, vec!["l".to_owned()]));
    }

    #[test]
    fn a_file_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let kv = open(&folder, 1_000_000).unwrap();
        kv.set(b"a", &[7; 10_000], 0).unwrap();
        kv.write().unwrap();
        drop(kv);
        let path = folder.path().join("p.kv");
        let whole = std::fs::read(&path).unwrap();
        for damage in ["cut", "garbage", "flipped"] {
            let mut bytes = whole.clone();
            match damage {
                "cut" => bytes.truncate(whole.len() / 3),
                "garbage" => bytes.fill(b'x'),
                _ => {
                    let at = bytes.windows(100).position(|it| it == [7; 100]).unwrap();
                    bytes[at + 50] = 8;
                }
            }
            std::fs::write(&path, &bytes).unwrap();
            let error = open(&folder, 1_000_000).err().expect(damage).to_string();
            assert!(error.contains("p.kv"), "{error}");
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(open(&folder, 1_000_000).unwrap().get(b"a").map(|it| it.len()), Ok(10_000));
    }

    #[test]
    fn two_brokers_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let kv = open(&folder, 1000).unwrap();
        kv.set(b"a", b"", 0).unwrap();
        kv.write().unwrap();
        let error = open(&folder, 1000).err().unwrap().to_string();
        assert!(error.contains("another broker"), "{error}");
    }
}

//! The store of one plugin: pairs of keys and values in memory, which the store of the broker gets group by
//! group. It belongs to the plugin's name, and survives reloads and restarts.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hookmq_store::{Change, PairValue};
use parking_lot::Mutex;

use super::Declined;

mod changed;
mod writer;

use changed::Changed;
pub(super) use writer::Writer;

type Key = Box<[u8]>;

/// What a pair counts for beside its key and value.
const OVERHEAD: usize = 64;
/// A longer pair would keep others waiting for the disk.
const MAX_PAIR: usize = 64 * 1024 * 1024;
/// What keys may take that the disk has not got yet, beside those of a full store.
const SPARE: usize = 4 * 1024 * 1024;
/// Pairs that are looked at under the lock, for a walk.
const PER_STEP: usize = 256;
/// The end of what does not end.
const NEVER: u64 = u64::MAX;

pub(crate) struct Kv {
    plugin: Arc<str>,
    max_bytes: usize,
    /// Whether it outlives the process.
    is_kept: bool,
    pairs: Mutex<Pairs>,
}

#[derive(Default)]
struct Pairs {
    by_key: BTreeMap<Key, Pair>,
    bytes: usize,
    /// No pair ends before it.
    soonest: u64,
    changed: Changed,
    /// The writer knows that some have changed.
    told: bool,
}

/// A key and its value.
type Shown = (Key, Arc<[u8]>);

#[derive(Clone)]
struct Pair {
    value: Arc<[u8]>,
    /// In milliseconds since 1970, so that it means the same after a restart.
    ends: u64,
}

impl Kv {
    /// With what the store of the broker has of the plugin.
    pub(super) fn new(
        plugin: Arc<str>,
        found: Vec<hookmq_store::Pair>,
        is_kept: bool,
        max_bytes: usize,
    ) -> Kv {
        let (mut pairs, now) = (Pairs::default(), now());
        for hookmq_store::Pair { key, value, .. } in found {
            let ends = value.ends.unwrap_or(NEVER);
            if ends <= now {
                pairs.changed.insert(key);
            } else {
                pairs.put(key, Pair { value: value.bytes, ends });
            }
        }
        Kv { plugin, max_bytes, is_kept, pairs: Mutex::new(pairs) }
    }

    pub(super) fn set(&self, key: &[u8], value: &[u8], seconds: u32) -> Result<(), Declined> {
        let now = now();
        let ends = match seconds {
            0 => NEVER,
            seconds => now + 1000 * u64::from(seconds),
        };
        if key.len().saturating_add(value.len()) > MAX_PAIR {
            return Err(Declined::Full);
        }
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
        let (mut shown, mut last) = (0, None::<Key>);
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
        if !self.is_kept {
            pairs.changed = Changed::default();
        }
        !pairs.changed.is_empty() && !std::mem::replace(&mut pairs.told, true)
    }

    /// What has changed and was not handed over, until there is no room for more in the group. Returns the
    /// keys, which are to be reported as `written`, and whether there are more.
    fn take_changes(&self, group: &mut Vec<Change>, room: &mut Room) -> (Vec<Key>, bool) {
        let mut keys = Vec::new();
        let mut pairs = self.pairs.lock();
        while room.is_left()
            && let Some(key) = pairs.changed.take_first()
        {
            let pair = pairs.by_key.get(&key);
            room.take(cost(&key, pair.map_or(&[], |pair| &pair.value)));
            let value = pair.map(|pair| PairValue {
                bytes: pair.value.clone(),
                ends: Some(pair.ends).filter(|ends| *ends != NEVER),
            });
            group.push(Change::Kv { plugin: self.plugin.clone(), key: key.clone(), value });
            keys.push(key);
        }
        pairs.told = !pairs.changed.is_empty();
        (keys, pairs.told)
    }

    /// The store of the broker has these as they were when they were handed over.
    fn written(&self, keys: &[Key]) {
        self.pairs.lock().changed.written(keys);
    }
}

/// What there is room for in a group of changes.
struct Room {
    pairs: usize,
    bytes: usize,
}

impl Room {
    /// Whoever looks at a pair meanwhile waits until the group is made.
    fn of_a_group() -> Room {
        Room { pairs: 4096, bytes: 4 * 1024 * 1024 }
    }

    fn is_left(&self) -> bool {
        self.pairs > 0 && self.bytes > 0
    }

    fn take(&mut self, bytes: usize) {
        self.pairs -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Pairs {
    fn put(&mut self, key: Key, pair: Pair) {
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
        let over: Vec<Key> = self
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

    fn of(found: Vec<hookmq_store::Pair>, max_bytes: usize) -> Kv {
        Kv::new("p".into(), found, true, max_bytes)
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

    /// Hands a group over: the keys, and what of them is in the store when it is opened again.
    fn hand_over(kv: &Kv) -> (Vec<Key>, Vec<hookmq_store::Pair>) {
        let mut group = Vec::new();
        let (keys, _) = kv.take_changes(&mut group, &mut Room::of_a_group());
        let found = group.into_iter().filter_map(|change| match change {
            Change::Kv { plugin, key, value } => {
                value.map(|value| hookmq_store::Pair { plugin, key, value })
            }
            _ => None,
        });
        (keys, found.collect())
    }

    #[test]
    fn what_was_handed_over_is_there_again() {
        let kv = of(Vec::new(), 10_000);
        assert!(!kv.has_news());
        assert_eq!(kv.set(b"a", b"1", 0), Ok(()));
        assert!(kv.has_news() && !kv.has_news());
        assert_eq!(kv.set(b"b", b"2", 0), Ok(()));
        assert_eq!(kv.set(b"over", b"3", 1), Ok(()));
        assert_eq!(kv.remove(b"b"), Ok(()));
        assert_eq!(kv.remove(b"b"), Err(Declined::NotThere));
        kv.set(b"a", b"4", 0).unwrap();
        kv.set(b"a\0", b"", 0).unwrap();
        kv.pairs.lock().by_key.get_mut(&b"over"[..]).unwrap().ends = 1;
        let (keys, found) = hand_over(&kv);
        assert_eq!((keys.len(), found.len()), (4, 3), "b is removed");
        assert!(!kv.pairs.lock().changed.has_room(b"c", 4 * OVERHEAD));
        kv.written(&keys);
        assert!(!kv.has_news());
        assert_eq!(kv.remove(b"a\0"), Ok(()));
        assert!(kv.has_news());
        let kv = of(found, 10_000);
        assert_eq!(kv.get(b"a").as_deref(), Ok(&b"4"[..]));
        assert_eq!(kv.get(b"b"), Err(Declined::NotThere));
        assert_eq!(shown(&kv, ""), ["a", "a\0"]);
        assert_eq!(kv.pairs.lock().bytes, 2 * OVERHEAD + 2 + 2);
        assert!(kv.has_news(), "what is over is to be removed");
        assert_eq!(hand_over(&kv).0, [b"over"[..].into()]);
    }

    #[test]
    fn a_group_has_its_bound() {
        let kv = of(Vec::new(), 100 * 1024 * 1024);
        for number in 0..10_u8 {
            kv.set(&[number], &[number; 1024 * 1024], 0).unwrap();
        }
        assert!(kv.has_news());
        assert_eq!(hand_over(&kv).0.len(), 4);
        assert!(!kv.has_news(), "the writer goes on by itself");
        assert_eq!(hand_over(&kv).0.len(), 4);
        assert_eq!(hand_over(&kv).0.len(), 2);
        kv.set(&[0], b"", 0).unwrap();
        assert!(kv.has_news());
        assert_eq!(kv.set(b"k", &vec![0; MAX_PAIR], 0), Err(Declined::Full));
    }

    #[test]
    fn what_is_not_kept_waits_for_nobody() {
        let kv = Kv::new("p".into(), Vec::new(), false, 1000);
        for number in 0..100_000_u32 {
            kv.set(&number.to_le_bytes(), b"", 0).unwrap();
            assert!(!kv.has_news());
            kv.remove(&number.to_le_bytes()).unwrap();
            assert!(!kv.has_news());
        }
    }

    #[test]
    fn what_is_over_is_not_there_and_makes_room() {
        let kv = of(Vec::new(), 2 * (OVERHEAD + 2));
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
        let kv = of(Vec::new(), 1000);
        let put = |number: u32| {
            let set = kv.set(&number.to_le_bytes(), b"", 0);
            set.and_then(|()| kv.remove(&number.to_le_bytes()))
        };
        let most = ((1000 + SPARE) / (OVERHEAD + 4)) as u32;
        let mut under_way = Vec::new();
        for number in 0..most {
            if number == most / 2 {
                under_way = hand_over(&kv).0;
            }
            assert_eq!(put(number), Ok(()));
        }
        assert_eq!(put(most), Err(Declined::Full));
        assert_eq!(put(most - 1), Ok(()), "it is among them");
        kv.written(&under_way);
        assert_eq!(put(most), Ok(()));
    }

    #[test]
    fn a_walk_goes_on_where_it_stood() {
        let kv = of(Vec::new(), 1_000_000);
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
}

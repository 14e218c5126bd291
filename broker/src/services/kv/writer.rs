//! What plugins have put, on its way to the store of the broker: one group at a time, so that what the disk does
//! not take yet waits here, where it is bounded. Nobody waits for it.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use hookmq_store::Sequence;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{Key, Kv, Room};
use crate::journal::{Durable, Waiter};

/// Between looks at a disk that may have failed, while the last of it is written.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Until it has a store of the broker, everything waits.
#[derive(Default)]
pub(crate) struct Writer(Arc<Shared>);

#[derive(Default)]
struct Shared {
    durable: OnceLock<Arc<Durable>>,
    waiter: Arc<Waiter>,
    state: Mutex<State>,
    /// A group is durable.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// What has something to be handed over.
    changed: VecDeque<Arc<Kv>>,
    under_way: Option<Group>,
}

/// What waits to be durable.
struct Group {
    until: Sequence,
    keys: Vec<(Arc<Kv>, Vec<Key>)>,
}

/// On the thread that has written.
struct Attend(Weak<Shared>);

impl Wake for Attend {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(shared) = self.0.upgrade() {
            shared.attend();
        }
    }
}

impl Writer {
    /// From now on there is a store. To be called once.
    pub(crate) fn begin(&self, durable: Arc<Durable>) {
        let shared = &self.0;
        shared.waiter.set(&Waker::from(Arc::new(Attend(Arc::downgrade(shared)))));
        durable.add(&shared.waiter);
        if shared.durable.set(durable).is_ok() {
            shared.attend();
        }
    }

    /// The store of a plugin has changed that had nothing to be handed over before.
    pub(crate) fn write_soon(&self, kv: &Arc<Kv>) {
        self.0.state.lock().changed.push_back(kv.clone());
        self.0.attend();
    }

    /// Has everything written, and closes the store of the broker, into which nothing else may come any more.
    /// Blocks on the disk.
    pub(crate) fn close(&self) {
        let Some(durable) = self.0.durable.get() else { return };
        let mut state = self.0.state.lock();
        while !state.is_done() && durable.is_well() {
            if self.0.done.wait_for(&mut state, LOOK_AGAIN).timed_out() {
                // It may wake who takes the lock.
                MutexGuard::unlocked(&mut state, || durable.look());
            }
        }
        if !state.is_done() {
            log::error!("what plugins have put last is not in the store");
        }
        drop(state);
        durable.close();
    }
}

impl Shared {
    /// Hands over the next group, if none is under way.
    fn attend(&self) {
        let Some(durable) = self.durable.get() else { return };
        let mut state = self.state.lock();
        loop {
            if let Some(group) = &state.under_way {
                self.waiter.begin();
                if !durable.has(group.until) {
                    return;
                }
                state.finish();
                self.done.notify_all();
            }
            if !state.begin(durable) {
                return;
            }
        }
    }
}

impl State {
    fn is_done(&self) -> bool {
        self.changed.is_empty() && self.under_way.is_none()
    }

    /// The group that is under way is durable.
    fn finish(&mut self) {
        for (kv, keys) in self.under_way.take().into_iter().flat_map(|group| group.keys) {
            kv.written(&keys);
            log::debug!("the store has {} pairs of plugin {}", keys.len(), kv.plugin);
        }
    }

    /// Whether there was something to be handed over.
    fn begin(&mut self, durable: &Durable) -> bool {
        let (mut changes, mut keys) = (Vec::new(), Vec::new());
        let mut room = Room::of_a_group();
        while room.is_left()
            && let Some(kv) = self.changed.pop_front()
        {
            let (taken, has_more) = kv.take_changes(&mut changes, &mut room);
            if has_more {
                // Behind the others, so that one that puts much does not keep them waiting.
                self.changed.push_back(kv.clone());
            }
            keys.push((kv, taken));
        }
        if changes.is_empty() {
            return false;
        }
        self.under_way = Some(Group { until: durable.submit(&mut changes), keys });
        true
    }
}

#[cfg(test)]
mod tests {
    use hookmq_store::Durability;

    use super::*;

    /// More than a group has room for, put before there is a store and while it writes.
    #[test]
    fn all_that_was_put_is_in_the_store_when_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, kv) =
            (Writer::default(), Arc::new(Kv::new("p".into(), Vec::new(), true, usize::MAX / 2)));
        let put = |number: u16| {
            kv.set(&number.to_be_bytes(), &[0; 64 * 1024], 0).unwrap();
            if kv.has_news() {
                writer.write_soon(&kv);
            }
        };
        (0..100).for_each(put);
        let (durable, state) = Durable::open(folder.path(), Durability::Os, usize::MAX).unwrap();
        assert!(state.pairs.is_empty());
        writer.begin(Arc::new(durable));
        (100..200).for_each(put);
        kv.remove(&[0, 0]).unwrap();
        if kv.has_news() {
            writer.write_soon(&kv);
        }
        writer.close();
        assert!(writer.0.state.lock().is_done());
        let (_, state) = Durable::open(folder.path(), Durability::Os, usize::MAX).unwrap();
        assert_eq!(state.pairs.len(), 199);
    }
}

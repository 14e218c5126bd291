//! A number for the thread of each shard, so that what it notes needs not be shared with any other.
//! They are of the process: several brokers may live in one.

use std::cell::Cell;

use parking_lot::Mutex;

/// Threads that can have a number at once.
pub(crate) const SLOTS: usize = 256;

/// The number of those that have none.
const NONE: usize = usize::MAX;

/// That the thread which has made it has a number.
pub(crate) struct Slot(usize);

/// Gives this thread a number that no other has, for as long as the result lives. If all are taken it
/// has none, and counts more slowly.
pub(crate) fn claim() -> Slot {
    let mut taken = TAKEN.lock();
    let Some((number, slot)) = taken.iter_mut().enumerate().find(|(_, taken)| !**taken) else {
        return Slot(NONE);
    };
    *slot = true;
    CURRENT.set(number);
    Slot(number)
}

/// The number of this thread: below [`SLOTS`], or else it has none.
#[inline]
pub(super) fn current() -> usize {
    CURRENT.get()
}

impl Drop for Slot {
    fn drop(&mut self) {
        CURRENT.set(NONE);
        if let Some(slot) = TAKEN.lock().get_mut(self.0) {
            *slot = false;
        }
    }
}

static TAKEN: Mutex<[bool; SLOTS]> = Mutex::new([false; SLOTS]);

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(NONE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_threads_until_it_gives_it_back() {
        assert_eq!(current(), NONE);
        let here = claim();
        let mine = current();
        assert!(mine < SLOTS);
        let there = std::thread::spawn(move || {
            let _slot = claim();
            current()
        });
        assert_ne!(there.join().unwrap(), mine);
        drop(here);
        assert_eq!(current(), NONE);
    }
}

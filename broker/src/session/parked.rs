//! The publishers that wait for one receiver to catch up. They are not read meanwhile, for a second at
//! most; then the receiver's limits decide. One that has taken nothing for a third of
//! `limits.send_timeout` holds nobody up any more, and is closed when all of it has passed.

use std::collections::HashMap;
use std::task::Waker;

use foldhash::fast::RandomState;

/// Each once. Takes no memory while nobody waits, and no time that grows with their number: ten
/// thousand may wait for one receiver.
#[derive(Default)]
pub(crate) struct Parked {
    /// By the task that a waker wakes.
    #[expect(clippy::box_collection, reason = "rare, and one of these is in every session")]
    wakers: Option<Box<HashMap<usize, Waker, RandomState>>>,
}

impl Parked {
    /// Returns whether it was not there.
    pub(crate) fn add(&mut self, publisher: &Waker) -> bool {
        let wakers = self.wakers.get_or_insert_default();
        let before = wakers.len();
        wakers.entry(publisher.data().addr()).or_insert_with(|| publisher.clone());
        wakers.len() > before
    }

    pub(crate) fn take(&mut self) -> Vec<Waker> {
        self.wakers.take().map(|wakers| wakers.into_values().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_of_ten_thousand_is_woken_once() {
        let publishers: Vec<Arc<Count>> = (0..10_000).map(|_| Arc::default()).collect();
        let mut parked = Parked::default();
        for _ in 0..3 {
            for publisher in &publishers {
                parked.add(&Waker::from(publisher.clone()));
            }
        }
        parked.take().into_iter().for_each(Waker::wake);
        assert!(publishers.iter().all(|publisher| publisher.0.load(Ordering::Relaxed) == 1));
        assert!(parked.take().is_empty());
    }
}

//! Write buffers, lent to whoever has something to send: an idle connection holds none.

/// Bytes kept for lending at most.
const MAX_TOTAL: usize = 8 * 1024 * 1024;
/// A buffer that has grown beyond this is freed, not kept.
const MAX_BUFFER: usize = 256 * 1024;

#[derive(Default)]
pub(crate) struct BufferPool {
    buffers: Vec<Vec<u8>>,
    total: usize,
    /// How many of them nobody has needed since the last [`BufferPool::trim`].
    idle: usize,
}

impl BufferPool {
    /// An empty buffer, with whatever capacity it has from earlier use.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.total -= buffer.capacity();
        self.idle = self.idle.min(self.buffers.len());
        buffer
    }

    /// Frees some of the buffers that nobody has needed since the last call, so that after a burst
    /// all of them are gone some time later.
    pub(crate) fn trim(&mut self) {
        let kept = self.buffers.len() - self.idle.div_ceil(8);
        for buffer in self.buffers.drain(kept..) {
            self.total -= buffer.capacity();
        }
        self.idle = self.buffers.len();
    }

    /// Takes an empty buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > 0 && capacity <= MAX_BUFFER && self.total + capacity <= MAX_TOTAL {
            self.total += capacity;
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_holds_is_bounded() {
        let mut pool = BufferPool::default();
        pool.give(Vec::with_capacity(MAX_BUFFER + 1));
        assert_eq!(pool.take().capacity(), 0);
        for _ in 0..100 {
            pool.give(Vec::with_capacity(MAX_BUFFER));
        }
        assert!(pool.total <= MAX_TOTAL);
        assert!(pool.take().capacity() >= MAX_BUFFER);
        while pool.take().capacity() > 0 {}
        assert_eq!(pool.total, 0);
    }

    #[test]
    fn what_nobody_needs_is_freed_by_and_by() {
        let mut pool = BufferPool::default();
        for _ in 0..100 {
            pool.give(Vec::with_capacity(1000));
        }
        for _ in 0..100 {
            pool.trim();
            // Ten of them are in use, again and again.
            let buffers: Vec<_> = (0..10).map(|_| pool.take()).collect();
            assert!(buffers.iter().all(|buffer| buffer.capacity() >= 1000));
            buffers.into_iter().for_each(|buffer| pool.give(buffer));
        }
        assert_eq!(pool.buffers.len(), 10);
        for _ in 0..100 {
            pool.trim();
        }
        assert_eq!((pool.buffers.len(), pool.total), (0, 0));
    }
}

//! Room in vectors that there are many of: little more than they have in them.

use std::ops::Range;

/// Bytes by which a vector grows. What the allocator adds is a part of that.
const STEP: usize = 128;

/// Makes room for so many more.
pub(super) fn make<T>(vec: &mut Vec<T>, more: usize) {
    if vec.capacity() - vec.len() < more {
        vec.reserve_exact(more.max(step::<T>()));
    }
}

/// Puts `parts` in place of some of the bytes.
pub(super) fn splice(bytes: &mut Vec<u8>, place: Range<usize>, parts: &[&[u8]]) {
    let start = place.start;
    bytes.drain(place);
    let end = bytes.len();
    make(bytes, parts.iter().map(|part| part.len()).sum());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    let added = bytes.len() - end;
    if let Some(moved) = bytes.get_mut(start..) {
        moved.rotate_right(added);
    }
}

/// Gives back what is more than a step.
pub(super) fn shrink<T>(vec: &mut Vec<T>) {
    if vec.is_empty() {
        *vec = Vec::new();
    } else if vec.capacity() - vec.len() > 2 * step::<T>() {
        vec.shrink_to_fit();
    }
}

fn step<T>() -> usize {
    (STEP / size_of::<T>()).max(1)
}

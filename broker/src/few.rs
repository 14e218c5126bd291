//! A list that mostly has one element, for which nothing is allocated.

use std::ops::{Deref, DerefMut};

/// No larger than an element, where that has a `bool` or the like in it.
#[derive(Default)]
pub(crate) enum Few<T> {
    #[default]
    None,
    One(T),
    #[expect(clippy::box_collection, reason = "for the size of the whole")]
    Many(Box<Vec<T>>),
}

impl<T> Few<T> {
    /// Adds one at the end.
    pub(crate) fn push(&mut self, element: T) {
        *self = match std::mem::take(self) {
            Few::None => Few::One(element),
            Few::One(first) => Few::Many(Box::new(vec![first, element])),
            Few::Many(mut all) => {
                if all.len() == all.capacity() {
                    all.reserve_exact(all.len() / 2);
                }
                all.push(element);
                Few::Many(all)
            }
        };
    }

    /// Takes out the first that is meant; the last comes into its place.
    pub(crate) fn take(&mut self, is_meant: impl FnMut(&T) -> bool) -> Option<T> {
        let at = self.iter().position(is_meant)?;
        match std::mem::take(self) {
            Few::None => None,
            Few::One(only) => Some(only),
            Few::Many(mut all) => {
                let taken = all.swap_remove(at);
                *self = match all.len() {
                    1 => all.pop().map(Few::One).unwrap_or_default(),
                    _ => Few::Many(all),
                };
                Some(taken)
            }
        }
    }
}

impl<T: Clone> Few<T> {
    /// Appends a copy of each.
    #[inline]
    pub(crate) fn copy_to(&self, all: &mut Vec<T>) {
        match self {
            Few::None => {}
            Few::One(only) => all.push(only.clone()),
            Few::Many(many) => all.extend_from_slice(many),
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Few::None => &[],
            Few::One(only) => std::slice::from_ref(only),
            Few::Many(all) => all,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Few::None => &mut [],
            Few::One(only) => std::slice::from_mut(only),
            Few::Many(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_until_it_is_taken() {
        let mut few = Few::default();
        for number in 0..10 {
            few.push(number);
            let mut copies = Vec::new();
            few.copy_to(&mut copies);
            assert!(few.len() == number + 1 && *few == *copies);
        }
        assert!(few.iter().copied().eq(0..10));
        for left in (0..10).rev() {
            assert_eq!(few.take(|number| *number == 9 - left), Some(9 - left));
            assert_eq!(few.take(|number| *number == 9 - left), None);
            let mut rest = few.to_vec();
            rest.sort_unstable();
            assert!(rest.into_iter().eq(10 - left..10));
        }
        assert!(matches!(few, Few::None));
    }

    #[test]
    fn the_last_one_needs_no_memory_of_its_own() {
        let mut few = Few::default();
        few.push((Box::<str>::from("a"), true));
        few.push((Box::<str>::from("b"), true));
        few.take(|(name, _)| **name == *"a");
        assert!(matches!(few, Few::One(_)));
        assert_eq!(size_of_val(&few), size_of::<(Box<str>, bool)>());
    }
}

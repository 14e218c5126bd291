//! All topics with a retained message, in the order of their levels: a map of pages. Not a place for what is
//! within a page.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use mqtt::Publish;

use super::RetainedLimits;
use super::held::Held;
use super::page::{New, Page};

/// Bytes that a message counts for besides those of its topic, properties and payload: about what it takes
/// if it stands alone, and more than it takes in a page.
const OVERHEAD: usize = 160;
/// Messages that are looked at in a sweep before others have their turn.
pub(super) const PER_SWEEP: usize = 1000;

/// A topic with 0 for `/`, which no topic holds, so that byte order is the order of levels.
pub(super) type Key = Box<[u8]>;

pub(super) fn key(topic: &str) -> Key {
    topic.bytes().map(|byte| if byte == b'/' { 0 } else { byte }).collect()
}

#[derive(Default)]
pub(super) struct Topics {
    /// A page has the topics from its key to the next one's. None is empty. Boxed: the map has room for
    /// nearly twice as many.
    pages: BTreeMap<Key, Box<Page>>,
    /// Those in which something expires, by the second before which nothing does.
    due: BTreeSet<(u32, Key)>,
    pub(super) len: usize,
    pub(super) bytes: usize,
    /// The number of the next message.
    pub(super) next: u64,
}

impl Topics {
    pub(super) fn get(&self, key: &[u8]) -> Option<Held<'_>> {
        let (_, page) = self.page(key)?;
        page.get(page.find(key).ok()?)
    }

    /// All from a key on.
    pub(super) fn since<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = Held<'a>> {
        let page = self.page(key);
        let after = page.map_or(Bound::Unbounded, |(first, _)| Bound::Excluded(first));
        // Most go no further than one page.
        let pages = move || self.pages.range::<[u8], _>((after, Bound::Unbounded));
        let rest = std::iter::once_with(pages).flatten().flat_map(|(_, page)| page.since(0));
        let of_page = |(_, page): (_, &'a Page)| page.since(page.find(key).unwrap_or_else(|at| at));
        page.into_iter().flat_map(of_page).chain(rest)
    }

    pub(super) fn has_room(&self, cost: usize, limits: RetainedLimits) -> bool {
        self.len < limits.messages && self.bytes + cost <= limits.bytes
    }

    /// Puts a message in place of the one of its topic. Returns whether there is room: if not, nothing is
    /// changed. `None`: the topic has none.
    pub(super) fn replace(
        &mut self,
        key: &[u8],
        new: &New<'_>,
        limits: RetainedLimits,
    ) -> Option<bool> {
        let (first, page) = self.pages.range_mut::<[u8], _>(to(key)).next_back()?;
        let index = page.find(key).ok()?;
        let (before, after) = (cost(&page.get(index)?), cost_of(new.publish));
        let bytes = self.bytes - before + after;
        if self.len > limits.messages || bytes > limits.bytes {
            return Some(false);
        }
        self.bytes = bytes;
        let due = page.due;
        page.replace(index, new);
        remark(&mut self.due, first, due, page.due);
        if page.is_too_large() {
            let first = first.clone();
            self.split(&first, key);
        } else if after < before && page.is_small() {
            let first = first.clone();
            self.join(&first);
        }
        Some(true)
    }

    /// For a topic that has none.
    pub(super) fn insert(&mut self, key: &[u8], new: &New<'_>) {
        if self.pages.first_key_value().is_none_or(|(first, _)| **first > *key) {
            self.pages.insert(Key::default(), Box::default());
        }
        let Some((first, page)) = self.pages.range_mut::<[u8], _>(to(key)).next_back() else {
            return;
        };
        let Err(index) = page.find(key) else { return };
        let due = page.due;
        page.insert(index, key, new);
        remark(&mut self.due, first, due, page.due);
        self.len += 1;
        self.bytes += cost_of(new.publish);
        if page.is_too_large() {
            let first = first.clone();
            self.split(&first, key);
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        let Some((first, page)) = self.pages.range_mut::<[u8], _>(to(key)).next_back() else {
            return;
        };
        let Ok(index) = page.find(key) else { return };
        let Some(held) = page.get(index) else { return };
        self.len -= 1;
        self.bytes -= cost(&held);
        page.remove(index);
        if page.is_small() {
            let first = first.clone();
            self.join(&first);
        }
    }

    /// Frees some of what has expired before second `now`. Returns how many messages it has looked at.
    pub(super) fn sweep(&mut self, now: u32) -> usize {
        let mut looks = 0;
        while looks < PER_SWEEP
            && self.is_due(now)
            && let Some((_, first)) = self.due.pop_first()
            && let Some(page) = self.pages.get_mut(&first)
        {
            looks += page.len();
            page.remove_expired(now, |held| {
                self.len -= 1;
                self.bytes -= cost(held);
            });
            remark(&mut self.due, &first, None, page.due);
            if page.is_small() {
                self.join(&first);
            }
        }
        looks
    }

    /// Whether something may have expired before second `now`.
    pub(super) fn is_due(&self, now: u32) -> bool {
        self.due.first().is_some_and(|(second, _)| *second <= now)
    }

    fn page(&self, key: &[u8]) -> Option<(&[u8], &Page)> {
        let (first, page) = self.pages.range::<[u8], _>(to(key)).next_back()?;
        Some((first, page))
    }

    /// Splits a page until it is not too large, for the key that has come.
    fn split(&mut self, first: &[u8], key: &[u8]) {
        while let Some(page) = self.pages.get_mut(first).filter(|page| page.is_too_large()) {
            let right = Box::new(page.split(key));
            // With this key nothing can come between the two, so that all that comes has room in one of
            // them.
            let first = [page.last_key(), &[0]].concat().into_boxed_slice();
            remark(&mut self.due, &first, None, right.due);
            self.bytes += cost_of_page(&first);
            self.pages.insert(first, right);
        }
    }

    /// Removes a page if it is empty; else puts it and a neighbour together, if they fit.
    fn join(&mut self, first: &[u8]) {
        let Some(page) = self.pages.get(first) else { return };
        if page.is_empty() {
            self.take(first);
            return;
        }
        let after = (Bound::Excluded(first), Bound::Unbounded);
        let before = (Bound::Unbounded, Bound::Excluded(first));
        let next = self.pages.range::<[u8], _>(after).next();
        let next = next.filter(|(_, other)| page.fits_with(other));
        let previous = self.pages.range::<[u8], _>(before).next_back();
        let previous = previous.filter(|(_, other)| page.fits_with(other));
        let (left, right) = match (next, previous) {
            (Some((right, _)), _) => (first.into(), right.clone()),
            (None, Some((left, _))) => (left.clone(), Key::from(first)),
            (None, None) => return,
        };
        let Some(right) = self.take(&right) else { return };
        let Some(page) = self.pages.get_mut(&left) else { return };
        let due = page.due;
        page.append(*right);
        remark(&mut self.due, &left, due, page.due);
    }

    fn take(&mut self, first: &[u8]) -> Option<Box<Page>> {
        let (first, page) = self.pages.remove_entry(first)?;
        self.bytes -= cost_of_page(&first);
        remark(&mut self.due, &first, page.due, None);
        Some(page)
    }
}

fn to(key: &[u8]) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (Bound::Unbounded, Bound::Included(key))
}

/// Notes that a page has something else to expire first.
fn remark(due: &mut BTreeSet<(u32, Key)>, page: &Key, before: Option<u32>, now: Option<u32>) {
    if before == now {
        return;
    }
    if let Some(second) = before {
        due.remove(&(second, page.clone()));
    }
    if let Some(second) = now {
        due.insert((second, page.clone()));
    }
}

/// What a page counts for besides its messages: its key outlives the topic that it was made of, and stands a
/// second time where something in the page expires.
fn cost_of_page(key: &[u8]) -> usize {
    2 * key.len()
}

/// What a message counts for that is retained.
pub(super) fn cost_of(publish: &Publish<'_>) -> usize {
    let (topic, expires) = (publish.topic.len(), publish.properties.message_expiry().is_some());
    cost_for(topic, topic + publish.properties.as_bytes().len() + publish.payload.len(), expires)
}

fn cost(held: &Held<'_>) -> usize {
    cost_for(held.key.len(), held.size(), held.expires().is_some())
}

/// `size`: of topic, properties and payload.
fn cost_for(topic: usize, size: usize, expires: bool) -> usize {
    let expiring = if expires { topic + OVERHEAD / 2 } else { 0 };
    topic + size + OVERHEAD + expiring
}

#[cfg(test)]
mod tests;

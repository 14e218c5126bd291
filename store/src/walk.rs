//! A walk over the records of a kind that goes on behind what cannot be read.

use crate::engine::Engine;
use crate::keys::Space;

/// Every record with a tag that can be read. What cannot be is passed over, with ever larger steps.
pub(crate) fn each(
    engine: &Engine,
    tag: u8,
    mut findings: Option<&mut Vec<String>>,
    then: &mut dyn FnMut(&[u8], &[u8]),
) {
    let mut from = vec![tag];
    let mut is_readable = true;
    loop {
        let mut failed = None;
        for pair in engine.from(&from) {
            match pair {
                Ok((key, _)) if key.first() != Some(&tag) => return,
                Ok((key, value)) => {
                    then(&key, &value);
                    from.clear();
                    from.extend_from_slice(&key);
                    is_readable = true;
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let Some(error) = failed else { return };
        if let Some(findings) = &mut findings
            && is_readable
        {
            let (space, after) = (Space::of(&from).name(), from.escape_ascii());
            findings.push(format!("a table of {space} cannot be read after key {after}: {error}"));
        }
        is_readable = false;
        match behind_damage(engine, &from, tag) {
            Some(next) => from = next,
            None => return,
        }
    }
}

/// About the first key from which on something can be read again.
fn behind_damage(engine: &Engine, last: &[u8], tag: u8) -> Option<Vec<u8>> {
    let (mut damaged, mut readable) = (last.to_vec(), last.to_vec());
    loop {
        if !increment(&mut readable) || readable.first() != Some(&tag) {
            return None;
        }
        if is_readable(engine, &readable) {
            break;
        }
        damaged.clone_from(&readable);
    }
    // Keys may be longer than both.
    for _ in 0..8 * (damaged.len() + MORE_DIGITS) {
        let middle = middle(&damaged, &readable);
        if is_readable(engine, &middle) {
            readable = middle;
        } else {
            damaged = middle;
        }
    }
    Some(readable)
}

fn is_readable(engine: &Engine, from: &[u8]) -> bool {
    engine.from(from).next().is_none_or(|pair| pair.is_ok())
}

const MORE_DIGITS: usize = 16;

/// Half way between two keys, taken for fractions.
fn middle(one: &[u8], other: &[u8]) -> Vec<u8> {
    let digits = one.len().min(other.len()) + MORE_DIGITS;
    let digit = |key: &[u8], at: usize| u16::from(key.get(at).copied().unwrap_or(0));
    let mut sums = vec![0; digits];
    let mut carry = 0;
    for (at, sum) in sums.iter_mut().enumerate().rev() {
        let both = digit(one, at) + digit(other, at) + carry;
        (*sum, carry) = (both % 256, both / 256);
    }
    let halves = sums.into_iter().map(|sum| {
        let both = carry * 256 + sum;
        carry = both % 2;
        u8::try_from(both / 2).unwrap_or(u8::MAX)
    });
    halves.collect()
}

/// The first key behind all that begin with `key`.
fn increment(key: &mut Vec<u8>) -> bool {
    while let Some(last) = key.pop() {
        if let Some(next) = last.checked_add(1) {
            key.push(next);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_between() {
        for (low, high) in
            [("topic/399", "topic/5"), ("a", "b"), ("r\u{7f}\u{7f}x", "r\u{7f}\u{7f}y")]
        {
            let middle = middle(low.as_bytes(), high.as_bytes());
            assert!(*middle > *low.as_bytes() && *middle < *high.as_bytes(), "{low} {high}");
        }
        assert!(middle(&[9, 255, 255], &[9, 255, 254]).starts_with(&[9, 255, 254, 128]));
    }

    #[test]
    fn behind_the_last_digit_comes_the_one_before() {
        let mut key = vec![1, 255, 255];
        assert!(increment(&mut key));
        assert_eq!(key, [2]);
        assert!(!increment(&mut vec![255]));
    }
}

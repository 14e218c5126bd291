//! A set of messages.

/// Messages by publisher and sequence number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bitmap(Vec<Vec<u64>>);

impl Bitmap {
    /// False if it is there already.
    #[inline]
    pub(crate) fn insert(&mut self, publisher: u32, sequence: u32) -> bool {
        let row = at(&mut self.0, publisher as usize);
        let Some(word) = row.and_then(|row| at(row, (sequence / 64) as usize)) else { return true };
        let bit = 1 << (sequence % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes in the messages of another set; returns how many were in both.
    pub(crate) fn merge(&mut self, other: Bitmap) -> u64 {
        let mut both = 0;
        for (index, row) in other.0.into_iter().enumerate() {
            let Some(mine) = at(&mut self.0, index) else { continue };
            mine.resize(mine.len().max(row.len()), 0);
            for (mine, theirs) in mine.iter_mut().zip(row) {
                both += u64::from((*mine & theirs).count_ones());
                *mine |= theirs;
            }
        }
        both
    }
}

/// The item, which is made if it is not there.
#[inline]
fn at<T: Clone + Default>(items: &mut Vec<T>, index: usize) -> Option<&mut T> {
    if items.len() <= index {
        items.resize((index + 1).max(items.len() * 2), T::default());
    }
    items.get_mut(index)
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn holds_a_message_once() {
        let (mut one, mut other) = (Bitmap::default(), Bitmap::default());
        assert!(one.insert(0, 70) && !one.insert(0, 70) && one.insert(3, 0));
        assert!(other.insert(0, 70) && other.insert(1, 1000));
        assert_eq!(one.merge(other), 1);
        assert!(!one.insert(1, 1000) && one.insert(1, 1001));
    }
}

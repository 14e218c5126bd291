//! The known word that somebody most likely meant.

/// The one of `known` that `word` can be turned into with the fewest edits, if they are few.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().map(same).collect();
    // The distances from what was read of `from` to each start of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (read, letter) in from.chars().map(same).enumerate() {
        let mut next = vec![read + 1];
        for ((above, pair), wanted) in row.iter().skip(1).zip(&row).zip(&to) {
            let left = next.last().copied().unwrap_or(0);
            let replaced = pair + usize::from(letter != *wanted);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// `-` and `_`, large and small letters are confused most.
fn same(letter: char) -> char {
    if letter == '-' { '_' } else { letter.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn counts_edits() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("Max-Inflight", "max_inflight"), 0);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["listeners", "plugins", "log"];
        assert_eq!(nearest("plugin", &known), Some("plugins"));
        assert_eq!(nearest("listners", &known), Some("listeners"));
        assert_eq!(nearest("persistence", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}

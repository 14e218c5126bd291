//! Which user names the file can hold.

/// Why the file cannot have a user of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is no name.
    #[error("a user name must not be empty")]
    Empty,
    /// It ends the name in the file.
    #[error("a user name must not have a colon in it")]
    Colon,
    /// Nobody would see them; a line feed would begin another user.
    #[error("a user name must not have control characters in it")]
    Control,
    /// Nobody would see them either.
    #[error("a user name must not begin or end with a blank")]
    Blank,
    /// The line would be a comment.
    #[error("a user name must not begin with #")]
    Comment,
    /// MQTT has no longer ones.
    #[error("a user name must not be longer than 65,535 bytes")]
    Long,
}

/// Whether the file can have a user of that name.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn check_name(name: &str) -> Result<(), BadName> {
    let problems = [
        (name.is_empty(), BadName::Empty),
        (name.contains(':'), BadName::Colon),
        (name.contains(char::is_control), BadName::Control),
        (name.trim() != name, BadName::Blank),
        (name.starts_with('#'), BadName::Comment),
        (name.len() > usize::from(u16::MAX), BadName::Long),
    ];
    match problems.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, problem)) => Err(problem),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_come_back_are_refused() {
        for (name, problem) in [
            ("", BadName::Empty),
            ("a:b", BadName::Colon),
            ("a\nb", BadName::Control),
            ("a\u{85}b", BadName::Control),
            (" a", BadName::Blank),
            ("a\u{a0}", BadName::Blank),
            ("#a", BadName::Comment),
            (&"a".repeat(65_536), BadName::Long),
        ] {
            assert_eq!(check_name(name), Err(problem), "{name:?}");
        }
        for name in ["a", "a b", "a#", "$argon2id$", "ü", &"a".repeat(65_535)] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }
}

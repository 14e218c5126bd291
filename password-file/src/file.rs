//! What is in the file, line by line: read, looked up, changed and written again as it was.

use std::collections::HashMap;
use std::fmt;

use crate::hash::Hash;
use crate::name::check_name;

/// The users of a file, with its comments and its order.
///
/// `Display` writes it as it was read, but for what was changed.
#[derive(Clone, Debug, Default)]
pub struct PasswordFile {
    lines: Vec<Line>,
    /// Each user's line.
    by_name: HashMap<Box<str>, usize>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {text}")]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// What is wrong, and what to do. It shows no password and no hash.
    pub text: String,
}

#[derive(Clone, Debug)]
enum Line {
    User(Box<str>, Box<Hash>),
    /// A comment, or blank.
    Other(Box<str>),
}

impl PasswordFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Every line that is wrong, in the order of the file; at least one.
    pub fn parse(text: &str) -> Result<PasswordFile, Vec<Problem>> {
        let mut file = PasswordFile::default();
        let mut problems = Vec::new();
        for (index, text) in text.lines().enumerate() {
            match file.read(text) {
                Ok(line) => file.lines.push(line),
                Err(text) => {
                    problems.push(Problem { line: index + 1, text });
                    // The lines after it keep their numbers.
                    file.lines.push(Line::Other("".into()));
                }
            }
        }
        if problems.is_empty() { Ok(file) } else { Err(problems) }
    }

    fn read(&mut self, text: &str) -> Result<Line, String> {
        if text.trim().is_empty() || text.trim_start().starts_with('#') {
            return Ok(Line::Other(text.into()));
        }
        let Some((name, hash)) = text.split_once(':') else {
            return Err("expected NAME:HASH; hookmq passwd writes such lines".to_owned());
        };
        check_name(name).map_err(|problem| problem.to_string())?;
        let hash: Hash = hash.trim_end().parse().map_err(|error| {
            format!("the password of {name:?} is no hash that can be checked: {error}; hookmq passwd makes one")
        })?;
        match self.by_name.insert(name.into(), self.lines.len()) {
            None => Ok(Line::User(name.into(), hash.into())),
            Some(first) => {
                Err(format!("{name:?} is on line {} too; remove one of them", first + 1))
            }
        }
    }

    /// The hashed password of a user.
    pub fn hash_of(&self, name: &str) -> Option<&Hash> {
        match self.lines.get(*self.by_name.get(name)?)? {
            Line::User(_, hash) => Some(hash),
            Line::Other(_) => None,
        }
    }

    /// The users, in the order of the file.
    pub fn users(&self) -> impl Iterator<Item = (&str, &Hash)> {
        self.lines.iter().filter_map(|line| match line {
            Line::User(name, hash) => Some((&**name, &**hash)),
            Line::Other(_) => None,
        })
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// There is no user.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Changes the password of a user where it stands, or adds the user at the end. Returns whether it is
    /// a new one.
    ///
    /// # Errors
    ///
    /// If the file cannot have such a name.
    pub fn set(&mut self, name: &str, hash: Hash) -> Result<bool, crate::BadName> {
        check_name(name)?;
        let user = Line::User(name.into(), hash.into());
        match self.by_name.get(name).and_then(|index| self.lines.get_mut(*index)) {
            Some(line) => {
                *line = user;
                Ok(false)
            }
            None => {
                self.by_name.insert(name.into(), self.lines.len());
                self.lines.push(user);
                Ok(true)
            }
        }
    }

    /// Removes a user. Returns whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(removed) = self.by_name.remove(name) else { return false };
        self.lines.remove(removed);
        for index in self.by_name.values_mut().filter(|index| **index > removed) {
            *index -= 1;
        }
        true
    }
}

impl fmt::Display for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| match line {
            Line::User(name, hash) => writeln!(f, "{name}:{hash}"),
            Line::Other(text) => writeln!(f, "{text}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cost;

    fn hash(password: &str) -> Hash {
        Hash::new(password.as_bytes(), Cost { memory: 8, passes: 1 }).unwrap()
    }

    fn names(file: &PasswordFile) -> Vec<&str> {
        file.users().map(|(name, _)| name).collect()
    }

    #[test]
    fn users_are_found_among_comments() {
        let text = format!(
            "# first\n\nalice:{}\n  # indented: not a user\nbob b:{}\r\n",
            hash("a"),
            hash("b")
        );
        let file = PasswordFile::parse(&text).unwrap();
        assert_eq!(names(&file), ["alice", "bob b"]);
        assert_eq!((file.len(), file.is_empty()), (2, false));
        assert!(file.hash_of("alice").unwrap().verify(b"a"));
        assert!(file.hash_of("bob b").unwrap().verify(b"b"));
        for name in ["bob", "Alice", "", "# first", "  # indented"] {
            assert_eq!(file.hash_of(name), None, "{name:?}");
        }
        assert_eq!(file.to_string(), text.replace('\r', ""));
        assert!(PasswordFile::parse("").unwrap().is_empty());
    }

    #[test]
    fn changes_keep_comments_and_order() {
        let [a, b, c, new] = ["a", "b", "c", "new"].map(hash);
        let text = format!("# one\na:{a}\n# two\nb:{b}\n\nc:{c}");
        let mut file = PasswordFile::parse(&text).unwrap();
        assert_eq!(file.set("b", new.clone()), Ok(false));
        assert!(file.remove("a"));
        assert!(!file.remove("a"));
        assert_eq!(file.set("d", a.clone()), Ok(true));
        assert_eq!(file.to_string(), format!("# one\n# two\nb:{new}\n\nc:{c}\nd:{a}\n"));
        assert_eq!(file.hash_of("b"), Some(&new));
        assert_eq!(file.hash_of("c"), Some(&c));
        assert_eq!(file.hash_of("d"), Some(&a));
        assert_eq!(file.hash_of("a"), None);
        assert_eq!(file.set("a:b", a), Err(crate::BadName::Colon));
        assert_eq!(names(&file), ["b", "c", "d"]);
    }

    #[test]
    fn every_line_that_is_wrong_is_named_and_no_hash_is_shown() {
        let good = hash("a");
        let text = format!("a:{good}\nsecret\n# b\nb:secret\na:{good}\n:{good}\n");
        let problems = PasswordFile::parse(&text).unwrap_err();
        let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(
            told,
            [
                "2: expected NAME:HASH; hookmq passwd writes such lines",
                "4: the password of \"b\" is no hash that can be checked: expected \
                 $argon2id$v=19$m=…,t=…,p=…$SALT$HASH; hookmq passwd makes one",
                "5: \"a\" is on line 1 too; remove one of them",
                "6: a user name must not be empty",
            ]
        );
    }
}

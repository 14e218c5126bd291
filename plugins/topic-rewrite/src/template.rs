//! What a topic becomes: text with `$1`, `$2`… for what was taken out of it, `%c` and `%u` for the client
//! id and the user name, `$$` and `%%` for those characters themselves.

use plugin_config::{Facts, fits_topic};

use crate::source::Captures;

#[derive(Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    /// From 0.
    Capture(usize),
    ClientId,
    Username,
}

impl Template {
    /// `captures`: how many there are.
    ///
    /// # Errors
    /// It asks for something that is not there.
    pub(crate) fn parse(text: &str, captures: usize) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '%']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            let (piece, behind) = piece(from, captures)?;
            rest = behind;
            match piece {
                Piece::Text(text) => plain.push_str(&text),
                piece => pieces.extend([Piece::Text(std::mem::take(&mut plain)), piece]),
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Template(pieces))
    }

    /// Nothing if the client's name cannot be part of a topic, or something that was taken out would begin
    /// it with `$`: that is for the rule to say. What comes out need not be well-formed.
    pub(crate) fn fill(&self, captures: &Captures<'_>, client: &Facts<'_>) -> Option<String> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Capture(index) => match captures.get(*index).copied().flatten() {
                    Some(text) => filled.push_str(text),
                    // The / before it belongs to what is not there: of a/$1 is left a.
                    None => drop(filled.ends_with('/').then(|| filled.pop())),
                },
                Piece::ClientId => push_name(&mut filled, client.client_id)?,
                Piece::Username => push_name(&mut filled, client.username?)?,
            }
        }
        let may_begin = matches!(self.0.first(), Some(Piece::Text(text)) if text.starts_with('$'));
        (may_begin || !filled.starts_with('$')).then_some(filled)
    }
}

/// What begins with `$` or `%`, and the text behind it.
fn piece(text: &str, captures: usize) -> Result<(Piece, &str), String> {
    for (written, piece) in [
        ("$$", Piece::Text("$".to_owned())),
        ("%%", Piece::Text("%".to_owned())),
        ("%c", Piece::ClientId),
        ("%u", Piece::Username),
    ] {
        if let Some(behind) = text.strip_prefix(written) {
            return Ok((piece, behind));
        }
    }
    let Some(number) = text.strip_prefix('$') else {
        return Err("behind % stands c, u or, for a % itself, another %".to_owned());
    };
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let (digits, behind) = number.split_at(end);
    match digits.parse::<usize>() {
        Ok(number @ 1..) if number <= captures => Ok((Piece::Capture(number - 1), behind)),
        Ok(number) => Err(format!("there is no ${number}: {captures} parts are taken out")),
        Err(_) => Err("behind $ stands a number or, for a $ itself, another $".to_owned()),
    }
}

fn push_name(filled: &mut String, name: &str) -> Option<()> {
    fits_topic(name, filled.is_empty()).then(|| filled.push_str(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str, captures: &[Option<&str>], client_id: &str) -> Option<String> {
        let template = Template::parse(text, captures.len()).unwrap();
        let client = Facts { client_id, username: Some("alice"), address: None };
        template.fill(&captures.to_vec(), &client)
    }

    #[test]
    fn parts_are_put_in() {
        let captures = [Some("x"), Some("y/z"), None];
        for (text, filled) in [
            ("a", "a"),
            ("a/$1/b/$2", "a/x/b/y/z"),
            ("$2/$1", "y/z/x"),
            ("a/$3", "a"),
            ("a/$3/b", "a/b"),
            ("$1$1", "xx"),
            ("%c/%u/$1", "c1/alice/x"),
            ("$$SYS/$1/100%%", "$SYS/x/100%"),
        ] {
            assert_eq!(fill(text, &captures, "c1").as_deref(), Some(filled), "{text}");
        }
    }

    #[test]
    fn names_that_are_more_than_a_part_of_a_level_are_not_put_in() {
        for name in ["+", "a/b", "#", ""] {
            assert_eq!(fill("dev/%c", &[], name), None, "{name}");
        }
        assert_eq!(fill("%c/x", &[], "$SYS"), None);
        assert_eq!(fill("x/%c", &[], "$SYS").as_deref(), Some("x/$SYS"));
        let nobody = Facts { client_id: "c1", username: None, address: None };
        assert_eq!(Template::parse("%u", 0).unwrap().fill(&Vec::new(), &nobody), None);
    }

    /// Else a client could publish to `$SYS`, or make a subscription a shared one.
    #[test]
    fn a_dollar_in_front_is_for_the_rule_to_say() {
        let captures = [Some("$SYS"), Some("$share/g"), None];
        assert_eq!(fill("$1/x", &captures, "c1"), None);
        assert_eq!(fill("$2/x", &captures, "c1"), None);
        assert_eq!(fill("x/$1", &captures, "c1").as_deref(), Some("x/$SYS"));
        assert_eq!(fill("$$a/$1", &captures, "c1").as_deref(), Some("$a/$SYS"));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let error = |text: &str| Template::parse(text, 2).unwrap_err();
        for text in ["$3", "a/$0", "$99"] {
            assert!(error(text).contains("there is no $"), "{}", error(text));
        }
        for text in ["$", "$x", "a/${1}", "$99999999999999999999999999"] {
            assert!(error(text).contains("behind $ stands a number"), "{}", error(text));
        }
        for text in ["%", "%x"] {
            assert!(error(text).contains("behind % stands c"), "{}", error(text));
        }
    }
}

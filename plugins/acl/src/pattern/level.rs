//! One level of a rule's topic filter.

use plugin_config::fits_topic;

/// What stands between two `/`.
#[derive(Clone, Debug)]
pub(super) enum Level {
    Text(Box<str>),
    /// With `%c` or `%u` in it.
    Pieces(Box<[Piece]>),
    /// `+`
    Any,
    /// `#`
    Rest,
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(Box<str>),
    ClientId,
    Username,
}

/// What `%c` and `%u` are.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) username: Option<&'a str>,
}

impl Level {
    pub(super) fn parse(text: &str) -> Result<Level, String> {
        match text {
            "+" => return Ok(Level::Any),
            "#" => return Ok(Level::Rest),
            _ => {}
        }
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let piece = match (character, (character == '%').then(|| characters.next())) {
                (_, Some(Some('c'))) => Piece::ClientId,
                (_, Some(Some('u'))) => Piece::Username,
                (plain_one, None) | (_, Some(Some(plain_one @ '%'))) => {
                    plain.push(plain_one);
                    continue;
                }
                _ => return Err("behind % stands c, u or, for a % itself, another %".to_owned()),
            };
            push_text(&mut pieces, &mut plain);
            pieces.push(piece);
        }
        if pieces.is_empty() {
            return Ok(Level::Text(plain.into()));
        }
        push_text(&mut pieces, &mut plain);
        Ok(Level::Pieces(pieces.into()))
    }

    /// Without wildcard and name.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Level::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_wildcard(&self) -> bool {
        matches!(self, Level::Any | Level::Rest)
    }

    pub(super) fn begins_with_dollar(&self) -> bool {
        match self {
            Level::Text(text) => text.starts_with('$'),
            Level::Pieces(pieces) => {
                matches!(&**pieces, [Piece::Text(text), ..] if text.starts_with('$'))
            }
            Level::Any | Level::Rest => false,
        }
    }

    /// Whether these names can be put in, the first of them at the beginning of a topic or not.
    pub(super) fn can_be_written(&self, names: Names<'_>, is_first: bool) -> bool {
        let Level::Pieces(pieces) = self else { return true };
        pieces.iter().enumerate().all(|(index, piece)| {
            let in_front = is_first && index == 0;
            matches!(piece, Piece::Text(_))
                || piece.text(names).is_some_and(|name| fits_topic(name, in_front))
        })
    }

    /// Whether it is this text; the names can be put in.
    pub(super) fn is(&self, text: &str, names: Names<'_>) -> bool {
        match self {
            Level::Text(exact) => **exact == *text,
            Level::Pieces(pieces) => {
                let mut rest = Some(text);
                for piece in pieces {
                    rest = rest.zip(piece.text(names)).and_then(|(rest, it)| rest.strip_prefix(it));
                }
                rest == Some("")
            }
            Level::Any | Level::Rest => false,
        }
    }
}

impl Piece {
    fn text<'a>(&'a self, names: Names<'a>) -> Option<&'a str> {
        match self {
            Piece::Text(text) => Some(text),
            Piece::ClientId => Some(names.client_id),
            Piece::Username => names.username,
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, plain: &mut String) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(std::mem::take(plain).into()));
    }
}

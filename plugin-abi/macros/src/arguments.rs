//! The arguments of `#[plugin]`: `wants = "publish kick", may_use = "kv", requires = "1.1"`.

use std::fmt;

use proc_macro::{TokenStream, TokenTree};

/// What a plugin says of itself beside its hooks.
pub(crate) struct Arguments {
    wants: Vec<String>,
    may_use: Vec<String>,
    requires: String,
}

const FORM: &str =
    "write it as #[plugin(wants = \"publish kick\", may_use = \"kv\", requires = \"1.1\")]";

/// The capabilities that there are; the broker has the same list.
const CAPABILITIES: &[&str] = &[
    "publish",
    "kick",
    "subscribe",
    "read-clients",
    "read-retained",
    "write-retained",
    "kv",
    "network",
];

impl Arguments {
    pub(crate) fn read(arguments: TokenStream) -> Result<Arguments, String> {
        let mut read =
            Arguments { wants: Vec::new(), may_use: Vec::new(), requires: "1".to_owned() };
        let mut tokens = arguments.into_iter();
        while let Some(key) = tokens.next() {
            let (Some(TokenTree::Punct(sign)), Some(value)) = (tokens.next(), tokens.next()) else {
                return Err(FORM.to_owned());
            };
            let value = string(&value).filter(|_| sign.as_char() == '=').ok_or(FORM)?;
            read.set(&key.to_string(), value)?;
            match tokens.next() {
                None => {}
                Some(TokenTree::Punct(sign)) if sign.as_char() == ',' => {}
                Some(_) => return Err(FORM.to_owned()),
            }
        }
        Ok(read)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        match key {
            "wants" => self.wants = capabilities(&value)?,
            "may_use" => self.may_use = capabilities(&value)?,
            "requires" => self.requires = requirement(value)?,
            _ => return Err(format!("{key} is no argument of #[plugin]; {FORM}")),
        }
        Ok(())
    }
}

/// As `plugin_abi::export!` takes them.
impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |words: &[String]| words.iter().map(|word| format!(" {word:?}")).collect();
        let (wants, may_use): (String, String) = (words(&self.wants), words(&self.may_use));
        write!(f, "; wants{wants}; may_use{may_use}; requires {:?};", self.requires)
    }
}

/// What stands between the quotes of a plain string.
fn string(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else { return None };
    let text = literal.to_string();
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then(|| text.to_owned())
}

fn capabilities(text: &str) -> Result<Vec<String>, String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    match words.iter().find(|word| !CAPABILITIES.contains(&word.as_str())) {
        Some(word) => {
            Err(format!("{word:?} is no capability; there are {}", CAPABILITIES.join(", ")))
        }
        None => Ok(words),
    }
}

/// The broker reads it; here it is only seen that it can be one.
fn requirement(text: String) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "^~=<>*., -".contains(c);
    if text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(fits) {
        return Ok(text);
    }
    Err(format!(
        "{text:?} says no versions of plugin-abi; write \"1.1\", which is 1.1 and all later 1.x"
    ))
}

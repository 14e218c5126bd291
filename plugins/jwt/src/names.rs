//! `%c` and `%u` in a text, for a client's id and user name, and `%%` for a `%`.

use plugin_abi::Client;

/// What `%c` and `%u` are.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) username: Option<&'a str>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(client: &Client<'a>) -> Self {
        Names { client_id: client.client_id(), username: client.username() }
    }

    /// The text with the names in it. `fits` is asked for each whether it may stand behind what is there
    /// already. `None` if one does not fit or is not there, or something else stands behind a `%`.
    pub(crate) fn put_into(self, text: &str, fits: impl Fn(&str, &str) -> bool) -> Option<String> {
        let mut filled = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                filled.push(character);
                continue;
            }
            let name = match characters.next()? {
                '%' => "%",
                'c' => Some(self.client_id).filter(|name| fits(name, &filled))?,
                'u' => self.username.filter(|name| fits(name, &filled))?,
                _ => return None,
            };
            filled.push_str(name);
        }
        Some(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_once() {
        let names = Names { client_id: "%u", username: Some("bob") };
        let put = |text| names.put_into(text, |_, _| true);
        assert_eq!(put("a"), Some("a".to_owned()));
        assert_eq!(put("%c/%u-%%c%%"), Some("%u/bob-%c%".to_owned()));
        assert_eq!(put("100%"), None);
        assert_eq!(put("%d"), None);
        let nobody = Names { username: None, ..names };
        assert_eq!(nobody.put_into("%u", |_, _| true), None);
        assert_eq!(names.put_into("a/%c%u", |name, before| name == "%u" && before == "a/"), None);
    }
}

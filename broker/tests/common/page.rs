//! Code that stands on a page of `docs/`, so that it is tested as it stands there.

use super::plugins;

/// The first piece of code on the page that is in this language and has `text` in it.
pub(crate) fn piece(page: &str, language: &str, text: &str) -> String {
    let page = plugins::workspace().join("docs").join(page);
    let page = std::fs::read_to_string(page).unwrap();
    let fence = format!("```{language}\n");
    let mut pieces = page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    pieces.find(|code| code.contains(text)).unwrap().to_owned()
}

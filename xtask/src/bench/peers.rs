//! The file that names more brokers to measure.

use std::path::Path;

use anyhow::Context;

use super::broker::Broker;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Peers {
    #[serde(default)]
    peer: Vec<Broker>,
}

/// The brokers in their order.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Broker>> {
    let place = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(place)?;
    parse(&text).with_context(place)
}

fn parse(text: &str) -> anyhow::Result<Vec<Broker>> {
    Ok(toml::from_str::<Peers>(text)?.peer)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::workspace::root;

    /// The example of the page is one that is read.
    #[test]
    fn the_documented_file_is_read() {
        let page = root().join("docs/benchmark.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let (_, rest) = page.split_once("```toml\n").expect("an example");
        let (example, _) = rest.split_once("```").expect("its end");
        let peers = parse(example).expect("brokers");
        let names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
        assert_eq!(names, ["nanomq", "rumqttd"]);
    }

    #[test]
    fn a_mistake_is_told() {
        let error =
            parse("[[peer]]\nname = \"x\"\nstart = []\nconfg = \"\"\n").err().expect("an error");
        assert!(error.to_string().contains("confg"), "{error}");
    }
}

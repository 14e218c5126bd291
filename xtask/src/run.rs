//! `cargo xtask run`: builds everything in release and becomes the broker.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::plugins::Plugins;
use crate::step;
use crate::workspace::{cargo, release_folder, root};

/// Does not return if the broker starts: this process becomes it, and gets its signals.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let folder = root().join("plugins");
    let plugins = Plugins::find(&folder)?;
    step::announce(&format!("build hookmq, {} (release)", plugins.rust.join(", ")));
    let mut build = cargo(&["build", "--release", "--package", "hookmq"]);
    for name in &plugins.rust {
        build.args(["--package", name]);
    }
    step::run(&mut build)?;

    let release = release_folder()?;
    let names = plugins.install(&release, &folder)?;
    step::announce(&format!("in plugins/: {}", names.join(", ")));

    let mut broker = Command::new(release.join("hookmq"));
    if !names_config(arguments) {
        broker.arg("--config").arg(root().join("config.yml"));
    }
    broker.args(arguments);
    step::announce("start hookmq");
    let error = broker.exec();
    anyhow::bail!("cannot start {}: {error}", release.join("hookmq").display())
}

fn names_config(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| {
        argument.starts_with("--config")
            || (argument.starts_with("-c") && !argument.starts_with("--"))
    })
}

#[cfg(test)]
mod tests {
    use super::names_config;

    #[test]
    fn sees_every_form_of_config() {
        for words in ["--config x", "--config=x", "-c x", "-cx", "run -c x"] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert!(names_config(&words), "{words:?}");
        }
        assert!(!names_config(&["run".to_owned()]));
        assert!(!names_config(&[]));
    }
}

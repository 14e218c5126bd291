//! What `--help` says.

use crate::folder::Folder;

#[test]
fn the_help_of_each_command_has_examples_and_the_exit_status() {
    let folder = Folder::new("");
    let commands = [
        &[][..],
        &["run"],
        &["check"],
        &["passwd"],
        &["plugin", "new"],
        &["plugin", "check"],
        &["plugin", "list"],
        &["plugin", "replay"],
        &["plugin", "record"],
        &["ctl", "plugins"],
        &["ctl", "plugins", "list"],
        &["ctl", "plugins", "enable"],
        &["ctl", "plugins", "disable"],
        &["ctl", "plugins", "reload"],
        &["ctl", "plugins", "config"],
        &["ctl", "plugins", "reorder"],
        &["ctl", "plugins", "trace"],
        &["ctl", "plugins", "metrics"],
        &["ctl", "plugins", "stats"],
        &["store", "check"],
        &["store", "export"],
        &["store", "import"],
        &["bench"],
        &["bench", "fan-out"],
        &["bench", "fan-in"],
        &["bench", "pairs"],
        &["bench", "shared"],
        &["bench", "connect"],
        &["bench", "idle"],
        &["bench", "retained"],
        &["bench", "offline"],
    ];
    for command in commands {
        let said = folder.run(&[command, &["--help"]].concat());
        said.check(0, &[]);
        let starts = |start: &str| said.out.iter().any(|line| line.contains(start));
        assert!(starts("Examples:") && starts("Exit status: 0"), "{:#?}", said.out);
        let example = format!("  hookmq {}", command.join(" "));
        assert!(starts(example.trim_end()), "{:#?}", said.out);
        assert!(said.out.iter().all(|line| line.chars().count() <= 200), "{:#?}", said.out);
    }
    for command in ["plugin", "ctl", "store"] {
        assert!(folder.run(&[command, "--help"]).out.iter().any(|line| line == "Examples:"));
    }
}

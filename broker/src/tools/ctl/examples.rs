//! What the `--help` of each command of `hookmq ctl plugins` ends with.

macro_rules! examples {
    ($($line:literal)+) => {
        concat!(
            "Examples:\n",
            $("  hookmq ctl plugins ", $line, "\n",)+
            "\nExit status: 0 if it was done, 1 if the broker says no, 2 if the arguments are wrong, 69 if there is no\n\
            broker to be reached, 78 if the config cannot be read.",
        )
    };
}

pub(super) const LIST: &str = examples!(
    "list                                    the broker of ./config.yml"
    "list --json                             the same, and more of each, for a program"
    "list --config /etc/hookmq.yml           another broker"
    "list --socket /run/hookmq/hookmq.sock   the same, where its config cannot be read"
);

pub(super) const ENABLE: &str = examples!(
    "enable hello                            it was disabled, or hello.so was copied into plugins/"
);

pub(super) const DISABLE: &str = examples!(
    "disable hello                           until `enable hello`, or the config is read again"
);

pub(super) const RELOAD: &str = examples!(
    "reload acl                              a new acl.so was copied into plugins/"
    "reload acl sub-limiter                  one after the other"
    "reload --all                            all at once, or none"
);

pub(super) const CONFIG: &str = examples!(
    "config sub-limiter                      its section, as JSON"
    "config sub-limiter '{ max: 9 }'         another one, all of it"
);

pub(super) const REORDER: &str =
    examples!("reorder acl sub-limiter hello           all of them; those that are disabled too");

pub(super) const TRACE: &str = examples!(
    "trace                                   vetoes, refusals, failures, changes, what comes later"
    "trace --refusals --client sensor-7      who says no to this client"
    "trace --plugin acl --hook on_before_publish --all"
);

pub(super) const METRICS: &str =
    examples!("metrics                                 for node_exporter and its like");

pub(super) const STATS: &str = examples!(
    "stats                                   of all plugins"
    "stats acl --json                        of one, for a program"
);

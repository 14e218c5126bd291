//! `hookmq plugin check` on good plugins, and on those that would do harm.

use std::fs;
use std::path::Path;

use hookmq::plugins::Sha256;

use crate::common::plugins;
use crate::folder::{Folder, Said};

/// The file as `plugin.so`, with more arguments.
fn check(library: impl AsRef<Path>, arguments: &[&str]) -> Said {
    check_bytes(&fs::read(library).unwrap(), arguments)
}

fn check_bytes(library: &[u8], arguments: &[&str]) -> Said {
    let folder = Folder::new("");
    folder.write("plugin.so", library);
    folder.run(&[&["plugin", "check", "plugin.so"], arguments].concat())
}

/// A C plugin with this in its Bootstrap.
fn c(bootstrap: &str) -> plugins::TempLibrary {
    plugins::c_text(&format!(
        "#include <stdlib.h>
         #include <unistd.h>
         #include \"plugin.h\"
         MQ_PLUGIN(\"c\", \"1.0\", \"MIT\", \"Does harm\");
         int32_t Bootstrap(const mq_host *host, mq_view json, void **instance) {{
             (void)host; (void)json; (void)instance;
             {bootstrap}
             return 0;
         }}
         void Shutdown(void *instance) {{ if (instance) abort(); }}"
    ))
}

#[test]
fn a_good_plugin_is_described_and_not_run() {
    let said = check(plugins::rust("hook-log"), &[]);
    said.check(0, &[]);
    let sha256 =
        format!("sha256       {}", Sha256::of(&fs::read(plugins::rust("hook-log")).unwrap()));
    for line in [
        sha256.as_str(),
        "name         plugin",
        "kind         Rust, with #[plugin]",
        "says it is   hook-log 0.1.0",
        "description  Logs each hook with its arguments, for tests",
        "license      MIT OR Apache-2.0",
        "panic        unwind",
        "nothing would be refused",
    ] {
        assert!(said.out.iter().any(|said| said == line), "{line}: {:#?}", said.out);
    }
    let hooks = said.out.iter().find(|line| line.starts_with("hooks ")).unwrap();
    assert!(hooks.contains("on_before_publish"), "{hooks}");
}

#[test]
fn files_that_are_no_plugin_are_refused() {
    let library = fs::read(plugins::rust("hello")).unwrap();
    let mut foreign = library.clone();
    foreign[18] ^= 0x55;
    for (bytes, why) in [
        (&b"text"[..], "it is not a shared library (no ELF file)"),
        (&library[..library.len() / 2], "it is truncated: the file ends too early; copy it again"),
        (&foreign, "it was built for another kind of machine; build it for "),
        (
            &fs::read(plugins::c_text("int a;")).unwrap(),
            "it is a shared library but no hookmq plugin",
        ),
    ] {
        for arguments in [&[][..], &["--load"]] {
            let said = check_bytes(bytes, arguments);
            assert_eq!((said.status, said.errors.len()), (Some(1), 1), "{:#?}", said.errors);
            let start = format!("plugin plugin (plugin.so) cannot be loaded: {why}");
            assert!(said.errors[0].starts_with(&start), "{:#?}", said.errors);
        }
    }
    let said = Folder::new("").run(&["plugin", "check", "absent.so"]);
    assert_eq!(said.status, Some(1));
    assert!(said.errors[0].contains("(absent.so) cannot be loaded: the file cannot be read: "));
}

#[test]
fn load_gives_the_plugin_its_section() {
    let plugin = plugins::rust("sub-limiter");
    let said = check(&plugin, &["--load", "--set", "max=5"]);
    assert_eq!(said.status, Some(0), "{:#?}", said.errors);
    assert!(said.out.iter().any(|line| line == "it has started, and was shut down"));
    let logged = "[plugin::plugin] at most 5 subscriptions for each client id";
    assert!(said.errors.iter().any(|line| line.ends_with(logged)), "{:#?}", said.errors);
    for (arguments, why) in [
        (&["--load"][..], "missing field `max`"),
        (&["--load", "--plugin-config", "{ max: 0 }"], "`max`: invalid value: integer `0`"),
        (&["--load", "--plugin-config", "max: 1", "--set", "min=2"], "unknown field `min`"),
        (
            &["--load", "--plugin-config", "max: 1", "--set", "max='7'"],
            "expected a whole number above 0",
        ),
    ] {
        let said = check(&plugin, arguments);
        let start = "plugin plugin (plugin.so) cannot be loaded: it refused to start: ";
        assert!(said.errors[0].starts_with(start), "{:#?}", said.errors);
        assert!(said.errors[0].contains(why), "{:#?}", said.errors);
        assert_eq!(said.status, Some(1));
    }
}

#[test]
fn arguments_that_make_no_section_are_wrong_arguments() {
    for arguments in [
        &["--set", "max=5"][..],
        &["--load", "--set", "max"],
        &["--load", "--set", "max=[1"],
        &["--load", "--plugin-config", "[1]", "--set", "max=5"],
    ] {
        assert_eq!(check(plugins::rust("sub-limiter"), arguments).status, Some(2));
    }
}

#[test]
fn a_panic_in_bootstrap_is_told() {
    let arguments = ["--load", "--plugin-config", "{ in: bootstrap, how: panic }"];
    let said = check(plugins::rust("misbehaving"), &arguments);
    let last = said.errors.last().unwrap();
    assert!(last.contains("cannot be loaded: it panicked while starting: "), "{last}");
    assert_eq!(said.status, Some(1));
}

#[test]
fn a_plugin_that_ends_its_process_is_told() {
    for (code, when, status) in [
        ("abort();", "starting", "signal: 6 (SIGABRT)"),
        (
            "volatile int *volatile nowhere = NULL; *nowhere = 1;",
            "starting",
            "signal: 11 (SIGSEGV)",
        ),
        ("_exit(0);", "starting", "exit status: 0"),
        ("exit(3);", "starting", "exit status: 3"),
        ("*instance = (void *)host;", "shutting down", "signal: 6 (SIGABRT)"),
    ] {
        let said = check(c(code), &["--load"]);
        let last = said.errors.last().unwrap();
        let start =
            format!("plugin plugin (plugin.so) has ended its process while {when} ({status}");
        assert!(last.starts_with(&start), "{code} {:#?}", said.errors);
        assert!(last.ends_with("), as it would end the broker"), "{last}");
        assert_eq!(said.status, Some(1));
    }
}

#[test]
fn a_plugin_that_does_not_come_back_is_ended() {
    let said = check(c("for (;;) pause();"), &["--load", "--timeout", "1"]);
    said.check(1, &["plugin plugin (plugin.so) was still starting after 1s"]);
}

/// Only loading finds it, since the symbol might be in any library.
#[test]
fn a_missing_symbol_is_told_by_load() {
    let library = plugins::c_text(
        "#include \"plugin.h\"
         int32_t not_defined_anywhere(void);
         MQ_PLUGIN(\"c\", \"1.0\", \"MIT\", \"Lacks something\");
         int32_t Bootstrap(const mq_host *host, mq_view json, void **instance) {
             (void)host; (void)json; (void)instance;
             return not_defined_anywhere();
         }",
    );
    check(&library, &[]).check(0, &[]);
    let said = check(&library, &["--load"]);
    assert!(
        said.errors[0].contains("undefined symbol: not_defined_anywhere"),
        "{:#?}",
        said.errors
    );
    assert_eq!(said.status, Some(1));
}

/// What a plugin prints is not mixed up with what the tool says.
#[test]
fn what_a_plugin_prints_goes_to_stderr() {
    let said = check(c("if (write(1, \"printed\\n\", 8) != 8) abort();"), &["--load"]);
    assert_eq!(said.status, Some(0), "{:#?}", said.errors);
    assert!(said.errors.contains(&"printed".to_owned()), "{:#?}", said.errors);
    assert!(!said.out.contains(&"printed".to_owned()), "{:#?}", said.out);
}

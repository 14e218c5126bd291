//! `hookmq check`: what would be refused is told at once, and nothing is started.

use std::fs;
use std::net::TcpListener;

use crate::common::plugins;
use crate::folder::Folder;

const BAD_CONFIG: i32 = 78;

#[test]
fn all_that_is_wrong_is_told_at_once_and_in_order() {
    let folder = Folder::new(
        "\
limits:
  max_inflight: 0
plugins:
  - hello
  - helo
  - notes
  - cut
  - hello.so
  - name: absent
    optional: true
colour: red
",
    );
    folder.put(plugins::rust("hello"), "hello");
    folder.write("plugins/notes.so", "text");
    let library = fs::read(plugins::rust("hello")).unwrap();
    folder.write("plugins/cut.so", &library[..library.len() / 2]);
    let there = "what is there: cut.so, hello.so, notes.so";
    folder.run(&["check"]).check(
        BAD_CONFIG,
        &[
            "config.yml:2: limits.max_inflight: 0 is not allowed; a whole number from 1 to 65535",
            &format!(
                "config.yml:5: plugin helo cannot be loaded: there is no such file in plugins: \
                 looked for helo, helo.so, libhelo.so; did you mean hello? {there}"
            ),
            "config.yml:6: plugin notes (plugins/notes.so) cannot be loaded: it is not a shared \
             library (no ELF file)",
            "config.yml:7: plugin cut (plugins/cut.so) cannot be loaded: it is truncated: the file \
             ends too early; copy it again",
            "config.yml:8: plugin hello (plugins/hello.so) cannot be loaded: it is named twice; to \
             run two of it, copy the file under a second name",
            &format!(
                "config.yml:9: plugin absent cannot be loaded: there is no such file in plugins: \
                 looked for absent, absent.so, libabsent.so; {there}; it is optional, so the broker \
                 starts without it"
            ),
            "config.yml:11: colour: unknown key; the keys here are listeners, plugins, plugin_dir, \
             data_dir, control, threads, log, allow_anonymous, check_payload_format, durability, store_failure, acknowledge, refused_publish, \
             plugin_publish_depth, blocking_threads, blocking_deadline, response_information, limits",
        ],
    );
}

#[test]
fn a_config_that_would_do_is_said_to() {
    // Nothing is opened: the address may be in use, as it is while a broker runs.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::new(&format!("listeners: [tcp: {address}]\nplugins: [hello]\n"));
    folder.put(plugins::rust("hello"), "hello");
    let said = folder.run(&["check"]);
    said.check(0, &[]);
    assert_eq!(said.out.last().unwrap(), "config.yml: nothing would be refused");
    assert_eq!(said.out[0], "plugin hello (plugins/hello.so): hello 0.1.0; on_connect");
}

#[test]
fn another_config_has_its_plugins_beside_it() {
    let folder = Folder::new("plugins: [absent]\n");
    fs::create_dir_all(folder.path("other/plugins")).unwrap();
    folder.write("other/broker.yml", "plugins: [hello]\n");
    fs::copy(plugins::rust("hello"), folder.path("other/plugins/libhello.so")).unwrap();
    folder.run(&["check", "--config", "other/broker.yml"]).check(0, &[]);
    folder.run(&["--config", "other/broker.yml", "check"]).check(0, &[]);
    assert_eq!(folder.run(&["check"]).status, Some(BAD_CONFIG));
}

#[test]
fn a_config_that_is_not_there_is_not_created() {
    let folder = Folder::new("");
    fs::remove_file(folder.path("config.yml")).unwrap();
    let said = folder.run(&["check"]);
    assert_eq!(said.status, Some(BAD_CONFIG));
    assert!(said.errors[0].starts_with("config.yml: cannot be read: "), "{:?}", said.errors);
    assert!(!folder.path("config.yml").exists());
}

#[test]
fn a_listener_that_is_open_to_all_needs_a_plugin_or_a_word() {
    let folder = Folder::new("listeners: [tcp: 0.0.0.0:0]\nplugins: [door]\n");
    let plugin = |hooks: &str| {
        let head =
            "#include \"plugin.h\"\nuint32_t PluginAbiVersion(void) { return MQ_ABI_VERSION; }";
        plugins::c_text(&format!("{head}\n{hooks}\n"))
    };
    folder.put(plugin(""), "door");
    let said = folder.run(&["check"]);
    assert_eq!(said.status, Some(BAD_CONFIG));
    assert!(said.errors[0].starts_with("config.yml: listeners: tcp://0.0.0.0:0 is open to other"));
    let decides = "int32_t OnBeforeConnect(void *instance, const mq_before_connect *event) { \
                   (void)instance; (void)event; return MQ_VETO; }";
    folder.put(plugin(decides), "door");
    let said = folder.run(&["check"]);
    said.check(0, &[]);
    assert!(said.out[0].ends_with("; on_before_connect"), "{:?}", said.out);
}

/// A plugin that says nothing of its hooks may be the one that decides; loading it tells.
#[test]
fn hooks_that_cannot_be_read_are_not_taken_for_absent() {
    let folder = Folder::new("listeners: [tcp: 0.0.0.0:0]\nplugins: [quiet]\n");
    let mut library = fs::read(plugins::rust("hello")).unwrap();
    let owner = library.windows(7).position(|bytes| bytes == b"hookmq\0").unwrap();
    library[owner] = b'H';
    folder.write("plugins/quiet.so", &library);
    let said = folder.run(&["check"]);
    let start = "config.yml: warning: listeners: whether a plugin decides who may connect";
    assert!(said.errors[0].starts_with(start), "{:#?}", said.errors);
    assert_eq!((said.status, said.errors.len()), (Some(0), 1), "{:#?}", said.errors);
    let said = folder.run(&["check", "--load"]);
    let start = "config.yml: listeners: tcp://0.0.0.0:0 is open to other";
    assert!(said.errors.last().unwrap().starts_with(start), "{:#?}", said.errors);
    assert_eq!(said.status, Some(BAD_CONFIG));
}

#[test]
fn a_hook_that_nobody_calls_is_pointed_out() {
    let folder = Folder::new("plugins:\n  - typo\n");
    let code =
        "unsigned PluginAbiVersion(void) { return 1 << 16; } int OnPublsh(void) { return 1; }";
    folder.put(plugins::c_text(code), "typo");
    let why = "it exports OnPublsh, which nobody calls; did you mean OnPublish?";
    folder.run(&["check"]).check(0, &[&format!("config.yml:2: warning: plugin typo: {why}")]);
}

/// `check` says what a start says, in the same words.
#[test]
fn a_start_refuses_with_the_same_line() {
    for contents in [&b"text"[..], b"\x7fELF\x02\x01", b"!<arch>\n"] {
        let folder = Folder::new("listeners: [tcp: 127.0.0.1:0]\nplugins: [bad]\n");
        folder.write("plugins/bad.so", contents);
        let (_, said) = folder.start(&[]).wait();
        assert_eq!(folder.run(&["check"]).errors, said);
    }
}

#[test]
fn load_tells_which_plugin_does_not_take_its_section() {
    let folder = Folder::new(
        "plugins:\n  - sub-limiter: { max: 0 }\n  - hello\n  - name: misbehaving\n    config:\n      \
         { in: bootstrap, how: error }\n    optional: true\n",
    );
    for name in ["hello", "misbehaving", "sub-limiter"] {
        folder.put(plugins::rust(name), name);
    }
    folder.run(&["check"]).check(0, &[]);
    let mut said = folder.run(&["check", "--load"]);
    said.errors.retain(|line| line.starts_with("config.yml"));
    said.check(
        BAD_CONFIG,
        &[
            "config.yml:2: plugin sub-limiter (plugins/sub-limiter.so) cannot be loaded: it refused to \
             start: `max`: invalid value: integer `0`, expected a whole number above 0",
            "config.yml:4: plugin misbehaving (plugins/misbehaving.so) cannot be loaded: it refused \
             to start: no reason at all; it is optional, so the broker starts without it",
        ],
    );
    assert_eq!(said.out, ["plugin hello (plugins/hello.so): hello 0.1.0; on_connect"]);
}

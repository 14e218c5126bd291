//! `hookmq ctl plugins`, and SIGHUP: what an operator does to a running broker.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::common::plugins;
use crate::folder::{Folder, Said};
use crate::process::Process;

const LISTENERS: &str = "listeners: [{ tcp: '127.0.0.1:0' }]\n";

/// A folder with plugins, and a broker that serves in it.
fn start(entries: &str) -> (Folder, Process) {
    let folder = Folder::new(&format!("{LISTENERS}plugins:{entries}\n"));
    for name in ["hello", "sub-limiter"] {
        folder.put(plugins::rust(name), name);
    }
    let broker = serve(&folder);
    (folder, broker)
}

fn serve(folder: &Folder) -> Process {
    let mut broker = folder.start(&[]);
    broker.line_with(" listens on tcp://127.0.0.1:");
    broker
}

fn ctl(folder: &Folder, arguments: &[&str]) -> Said {
    folder.run(&[&["ctl", "plugins"], arguments].concat())
}

/// NAME and STATE of each plugin, in order.
#[track_caller]
fn check_states(folder: &Folder, expected: &[(&str, &str)]) {
    let said = ctl(folder, &["list", "--json"]);
    said.check(0, &[]);
    let list: Vec<Value> = serde_json::from_str(&said.out[0]).unwrap();
    let state = |it: &Value| (it["name"].clone(), it["state"].clone());
    let expected: Vec<_> = expected.iter().map(|(a, b)| (json!(a), json!(b))).collect();
    assert_eq!(list.iter().map(state).collect::<Vec<_>>(), expected);
}

/// Sends SIGHUP; all that is said until the line that ends so.
fn hang_up(broker: &mut Process, last: &str) -> Vec<String> {
    broker.signal("HUP");
    let mut said = vec![broker.line_with("SIGHUP: reading the config again")];
    while !said.iter().any(|line| line.ends_with(last)) {
        said.extend(broker.line());
    }
    said
}

const BOTH: &str = "
  - sub-limiter: { max: 5 }
  - hello";

#[test]
fn plugins_are_listed() {
    let (folder, _broker) = start(BOTH);
    let said = ctl(&folder, &["list"]);
    said.check(0, &[]);
    let words = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&said.out[0]), ["NAME", "STATE", "VERSION", "FOR", "CAPABILITIES", "FILE"]);
    assert_eq!(words(&said.out[1])[..3], ["sub-limiter", "serving", "0.1.0"]);
    assert_eq!(words(&said.out[2]).last().unwrap(), "plugins/hello.so");
    let said = ctl(&folder, &["stats", "hello"]);
    said.check(0, &[]);
    assert_eq!(words(&said.out[0])[..4], ["PLUGIN", "HOOK", "ASKED", "ALLOWED"]);
    assert_eq!(words(&said.out[1])[..3], ["hello", "on_connect", "0"]);
    let said = ctl(&folder, &["metrics"]);
    said.check(0, &[]);
    assert_eq!(said.out.last().unwrap(), "# EOF");
}

#[test]
fn plugins_are_taken_out_put_back_and_reordered() {
    let (folder, mut broker) = start(BOTH);
    ctl(&folder, &["disable", "sub-limiter"]).check(0, &[]);
    check_states(&folder, &[("sub-limiter", "disabled"), ("hello", "serving")]);
    let said = ctl(&folder, &["reload", "sub-limiter"]);
    said.check(1, &["plugin sub-limiter is disabled; enable it first"]);
    ctl(&folder, &["enable", "sub-limiter"]).check(0, &[]);
    check_states(&folder, &[("sub-limiter", "serving"), ("hello", "serving")]);
    ctl(&folder, &["reorder", "hello", "sub-limiter"]).check(0, &[]);
    broker.line_with("the order of the plugins is now hello, sub-limiter");
    check_states(&folder, &[("hello", "serving"), ("sub-limiter", "serving")]);
    let said = ctl(&folder, &["reorder", "hello"]);
    said.check(1, &["an order has all plugins, each once: hello sub-limiter"]);
    // It is in the folder, and not in the config.
    folder.put(plugins::rust("hello"), "another");
    ctl(&folder, &["enable", "another"]).check(0, &[]);
    let all = [("hello", "serving"), ("sub-limiter", "serving"), ("another", "serving")];
    check_states(&folder, &all);
    ctl(&folder, &["reload", "--all"]).check(0, &[]);
    broker.line_with("plugin another loaded from plugins/another.so: hello 0.1.0, in place of");
    let trace = ["trace", "--plugin"];
    for command in [&["disable"][..], &["reload"], &["config"], &["stats"], &trace] {
        let said = ctl(&folder, &[command, &["absent"]].concat());
        assert_eq!(said.status, Some(1));
        assert!(said.errors[0].starts_with("there is no plugin absent: "), "{:?}", said.errors);
    }
    let said = ctl(&folder, &["trace", "--hook", "on_publsh"]);
    assert_eq!(said.status, Some(1));
    let start = "there is no hook on_publsh; there are on_socket_open, ";
    assert!(said.errors[0].starts_with(start), "{:?}", said.errors);
    let said = ctl(&folder, &["enable", "helo"]);
    assert!(said.errors[0].contains("did you mean hello?"), "{:?}", said.errors);
    assert_eq!(said.status, Some(1));
    check_states(&folder, &all);
}

#[test]
fn a_plugin_gets_another_section_if_it_takes_it() {
    let (folder, mut broker) = start(BOTH);
    let check_section = |expected: Value| {
        let said = ctl(&folder, &["config", "sub-limiter"]);
        said.check(0, &[]);
        assert_eq!(serde_json::from_str::<Value>(&said.out[0]).unwrap(), expected);
    };
    check_section(json!({ "max": 5 }));
    ctl(&folder, &["config", "sub-limiter", "max: 7"]).check(0, &[]);
    broker.line_with("at most 7 subscriptions");
    let said = ctl(&folder, &["config", "sub-limiter", "{ min: 1 }"]);
    assert!(
        said.errors[0].contains("it refused to start: `min`: unknown field"),
        "{:?}",
        said.errors
    );
    assert_eq!(said.status, Some(1));
    check_section(json!({ "max": 7 }));
    let said = ctl(&folder, &["config", "sub-limiter", "{"]);
    assert!(said.errors[0].starts_with("the section cannot be understood: 1: not YAML"));
    // What is in its place is no plugin any more.
    folder.write("plugins/sub-limiter.so", "text");
    let said = ctl(&folder, &["reload", "sub-limiter"]);
    assert!(said.errors[0].contains("it is not a shared library"), "{:?}", said.errors);
    check_states(&folder, &[("sub-limiter", "serving"), ("hello", "serving")]);
}

/// The files as they are now are looked at, and of several the one that the config means is taken.
#[test]
fn a_reload_takes_the_version_that_is_there_now() {
    let (folder, _broker) = start("\n  - { name: acl, optional: true, version: ^1 }");
    check_states(&folder, &[("acl", "not loaded")]);
    let put = |file: &str, version: &str| {
        let code = format!("#include \"plugin.h\"\nMQ_PLUGIN(\"acl\", {version:?}, \"\", \"\");");
        folder.put(plugins::c_text(&code), file);
    };
    let check_version = |expected: &str| {
        ctl(&folder, &["reload", "acl"]).check(0, &[]);
        let said = ctl(&folder, &["list", "--json"]);
        let list: Value = serde_json::from_str(&said.out[0]).unwrap();
        assert_eq!(list[0]["version"], expected, "{list}");
        let file = fs::read(folder.path(list[0]["file"].as_str().unwrap())).unwrap();
        assert_eq!(list[0]["sha256"], hookmq::plugins::Sha256::of(&file).to_string());
    };
    put("acl", "1.0.0");
    check_version("1.0.0");
    put("acl-1.1.0", "1.1.0");
    put("acl-2.0.0", "2.0.0");
    check_version("1.1.0");
    fs::remove_file(folder.path("plugins/acl-1.1.0.so")).unwrap();
    check_version("1.0.0");
    put("acl", "2.0.1");
    let said = ctl(&folder, &["reload", "acl"]);
    assert!(
        said.errors[0].contains("no file of it is one that the config takes: acl-2.0.0.so: 2.0.0")
    );
    check_states(&folder, &[("acl", "serving")]);
}

#[test]
fn a_broker_that_cannot_be_reached_is_told() {
    let folder = Folder::new("control: off\n");
    let why = "config.yml: control: is off, so that the broker has no socket to talk to it by";
    ctl(&folder, &["list"]).check(78, &[why]);
    folder.write("config.yml", "");
    let said = ctl(&folder, &["list"]);
    assert!(said.errors[0].starts_with("no broker listens at data/hookmq.sock: is it running? "));
    assert_eq!(said.status, Some(69));
    let said = ctl(&folder, &["list", "--config", "absent.yml"]);
    for way in ["--config names one", "--socket names the socket of a broker"] {
        assert!(said.errors[0].contains(way), "{:?}", said.errors);
    }
    assert_eq!(said.status, Some(78));
    assert_eq!(ctl(&folder, &["reload"]).status, Some(2));
}

#[test]
fn of_two_brokers_in_one_folder_the_second_is_refused() {
    let (folder, broker) = start(" []");
    let mode = |name| fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data/hookmq.sock"), mode("data")), (0o600, 0o700));
    let (status, said) = folder.start(&[]).wait();
    let holder =
        format!("control: another broker (process {}) has the control socket", broker.id());
    assert!(said.iter().any(|line| line.starts_with(&holder)), "{said:#?}");
    assert_eq!(status.code(), Some(1));
    check_states(&folder, &[]);
    // One that is killed leaves its socket, which is no hindrance.
    broker.kill();
    assert!(folder.path("data/hookmq.sock").exists());
    let broker = serve(&folder);
    check_states(&folder, &[]);
    broker.signal("TERM");
    assert!(broker.wait().0.success());
    assert!(!folder.path("data/hookmq.sock").exists());
}

#[test]
fn a_socket_that_cannot_be_made_is_told_and_done_without() {
    let folder = Folder::new(&format!("{LISTENERS}control: config.yml\n"));
    let mut broker = folder.start(&[]);
    let line = broker.line_with("the control socket config.yml cannot be made: ");
    assert!(line.contains("there is something else at this path"), "{line}");
    broker.line_with(" listens on tcp://127.0.0.1:");
}

/// Answers come while a plugin takes its time to start.
#[test]
fn the_socket_answers_while_a_plugin_starts() {
    let (folder, mut broker) = start(" [hello]");
    let slow = plugins::c_text(
        "#include <stdio.h>
         #include <unistd.h>
         #include \"plugin.h\"
         MQ_PLUGIN(\"slow\", \"1.0.0\", \"MIT\", \"Waits for a file\");
         int32_t Bootstrap(const mq_host *host, mq_view json, void **instance) {
             (void)host; (void)json; (void)instance;
             fprintf(stderr, \"slow is starting\\n\");
             while (access(\"go\", F_OK) != 0) usleep(1000);
             return 0;
         }",
    );
    folder.put(slow, "slow");
    let mut enabling = folder.start(&["ctl", "plugins", "enable", "slow"]);
    broker.line_with("slow is starting");
    check_states(&folder, &[("hello", "serving")]);
    folder.write("go", "");
    assert_eq!(enabling.line().as_deref(), Some("slow is enabled"));
    check_states(&folder, &[("hello", "serving"), ("slow", "serving")]);
}

#[test]
fn what_is_no_request_is_told_and_the_next_one_is_answered() {
    let (folder, _broker) = start(" [hello]");
    let stream = hookmq::control::connect(&folder.path("data/hookmq.sock")).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut ask = |line: &str| {
        (&stream).write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap_or_default()
    };
    for bad in ["\n", "{}\n", "text\n", "{\"command\": \"plugins.fly\"}\n", "\u{0}\n"] {
        let answer = ask(bad);
        assert!(answer["error"].as_str().unwrap().starts_with("this is no request: "), "{answer}");
    }
    assert_eq!(ask("{\"command\": \"plugins.list\"}\n")["ok"][0]["name"], "hello");
    let answer = ask(&"x".repeat(1024 * 1024));
    assert_eq!(answer["error"], "the request is longer than 1 MiB");
}

#[test]
fn sighup_has_the_config_read_again() {
    let (folder, mut broker) = start(BOTH);
    ctl(&folder, &["disable", "hello"]).check(0, &[]);
    let config = "plugins:\n  - hello\n  - sub-limiter: { max: 3 }\nlog: debug\n";
    folder.write("config.yml", format!("{LISTENERS}{config}limits: {{ max_inflight: 9 }}\n"));
    let said = hang_up(&mut broker, "config.yml: read again");
    let has = |text: &str| said.iter().any(|line| line.contains(text));
    assert!(has("at most 3 subscriptions"), "{said:#?}");
    let restart = "WARN  config.yml: limits.max_inflight: has changed, which needs a restart";
    assert!(has(restart) && !has("config.yml: log"), "{said:#?}");
    check_states(&folder, &[("hello", "serving"), ("sub-limiter", "serving")]);
    // Nothing is started anew that is what it was.
    let said = hang_up(&mut broker, "config.yml: read again");
    assert!(!said.iter().any(|line| line.contains("plugin ")), "{said:#?}");
}

#[test]
fn a_config_that_cannot_be_used_leaves_the_old_one_in_force() {
    let (folder, mut broker) = start(BOTH);
    for (config, problems) in [
        (
            "plugins: [hello]\nlog: loud\nthreads: no\n",
            &["ERROR config.yml:2: log: \"loud\" is", "ERROR config.yml:3: threads: "][..],
        ),
        (
            "plugins:\n  - hello\n  - sub-limiter: { max: 0 }\n",
            &[
                "ERROR config.yml:3: plugin sub-limiter (plugins/sub-limiter.so) cannot be loaded: it",
            ],
        ),
        ("plugins: [hello, hello]\n", &["cannot be loaded: it is named twice"]),
    ] {
        folder.write("config.yml", format!("{config}{LISTENERS}"));
        let last = "the config is not taken up; what was in force stays so";
        let said = hang_up(&mut broker, last);
        for problem in problems {
            assert!(said.iter().any(|line| line.contains(problem)), "{problem}: {said:#?}");
        }
        check_states(&folder, &[("sub-limiter", "serving"), ("hello", "serving")]);
    }
}

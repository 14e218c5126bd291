//! Changes events, refuses them, and answers later, as its config says. Each hook that decides has a list of
//! cases; the first whose `name` is that of the event counts. The name is a topic, a filter, a client id, an
//! Authentication Method, or `socket`.
//!
//! ```yaml
//! blocking:                   # declared so, with milliseconds
//!   on_before_publish: 60000
//! prefix: one                 # logged in front of `HOOK NAME asked_again=BOOL CHANGED`
//! on_before_publish:
//!   - name: a
//!     change: [ topic b, payload x, qos 1, retain 1, property n=v, remove n, expiry 60 ]
//!   - name: slow
//!     later: 60000            # milliseconds; answered when somebody publishes to `answer/slow`
//!   - name: stuck
//!     block: true             # the hook does not return until then
//!   - name: eager
//!     later: 60000
//!     before: true            # answered by another thread before the hook returns
//!   - name: bad
//!     refuse: 0x87            # 0 vetoes
//! ```
//!
//! The payload of a message to `answer/NAME` is what the first that waits under the name is answered: changes
//! as above, separated by commas, then `continue`, `veto`, `refuse CODE WORDS`, `drop`, `challenge`
//! or `done` (on_auth).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that is wrong fails")]
#![allow(clippy::disallowed_types, reason = "it depends on nothing but plugin-abi")]

mod change;

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        mpsc::{Sender, channel},
    },
    time::Duration,
};

use change::Changes;
use plugin_abi::{
    Auth, AuthVerdict, BeforeConnect, Config, Connect, Host, Later, Plugin, Publish, Result,
    SocketOpen, Subscribe, Unsubscribe, Verdict, log, plugin, serde::Deserialize,
};

#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
struct Section {
    prefix: String,
    blocking: HashMap<String, u64>,
    on_socket_open: Vec<Case>,
    on_auth: Vec<Case>,
    on_before_connect: Vec<Case>,
    on_connect: Vec<Case>,
    on_before_subscribe: Vec<Case>,
    on_before_unsubscribe: Vec<Case>,
    on_before_publish: Vec<Case>,
    on_will: Vec<Case>,
}

#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
struct Case {
    name: String,
    change: Vec<String>,
    later: Option<u64>,
    before: bool,
    block: bool,
    /// Logs the event once more when it goes on.
    log_again: bool,
    refuse: Option<u8>,
    words: Option<String>,
}

/// Who is to be told what to answer.
enum Waits {
    Later(Later),
    Blocked(Sender<String>),
}

struct Rewriter {
    host: Host,
    section: Section,
    waiting: Mutex<HashMap<String, Vec<Waits>>>,
    /// To the thread that answers.
    answers: Mutex<Sender<(Waits, String)>>,
}

#[plugin]
impl Plugin for Rewriter {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let (answers, asked) = channel::<(Waits, String)>();
        std::thread::spawn(move || {
            for (waits, text) in asked {
                match waits {
                    Waits::Later(later) => {
                        let said = change::answer(later, &text);
                        log::info!("answered {text}: {said}");
                    }
                    Waits::Blocked(sender) => sender.send(text).unwrap(),
                }
            }
        });
        let section: Section = config.get()?;
        for (hook, milliseconds) in &section.blocking {
            host.blocking(hook, Duration::from_millis(*milliseconds))?;
        }
        let (waiting, answers) = (Mutex::default(), Mutex::new(answers));
        Ok(Rewriter { host, section, waiting, answers })
    }

    fn on_socket_open(&self, event: &SocketOpen<'_>) -> Verdict {
        let case = find(&self.section.on_socket_open, "socket");
        let told = self.block(case, "socket");
        let case = told.as_ref().or(case);
        self.later(case, "socket", |deadline| self.host.later(event, deadline))
            .unwrap_or_else(|| verdict(case))
    }

    fn on_auth(&self, event: &Auth<'_>) -> AuthVerdict {
        let name = event.method();
        let case = find(&self.section.on_auth, name);
        if self.block(case, name).is_some() {
            return AuthVerdict::success().username("proved");
        }
        match self.later(case, name, |deadline| self.host.later(event, deadline)) {
            Some(_) => AuthVerdict::pending(),
            None => AuthVerdict::not_mine(),
        }
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        let name = event.client().client_id();
        let text = format!(
            "username={:?} original={} {:?} session_expiry={} keep_alive={} will={:?} {:?}",
            event.client().username(),
            event.original_client_id(),
            event.original_username(),
            event.session_expiry(),
            event.keep_alive(),
            event.will_payload().map(String::from_utf8_lossy),
            event.will_qos(),
        );
        self.log("on_before_connect", name, event.is_asked_again(), &text);
        let case = find(&self.section.on_before_connect, name);
        let told = self.block(case, name);
        let case = told.as_ref().or(case);
        self.change(case, |changes| changes.of_connect(event));
        self.later(case, name, |deadline| self.host.later(event, deadline))
            .unwrap_or_else(|| verdict(case))
    }

    fn on_connect(&self, event: &Connect<'_>) -> Verdict {
        let name = event.client().client_id();
        self.log("on_connect", name, false, &format!("{:?}", event.client().username()));
        let case = find(&self.section.on_connect, name);
        let told = self.block(case, name);
        let case = told.as_ref().or(case);
        self.later(case, name, |deadline| self.host.later(event, deadline))
            .unwrap_or_else(|| verdict(case))
    }

    fn on_before_subscribe(&self, event: &Subscribe<'_>) -> Verdict {
        let name = event.whole_filter();
        let text = format!("original={} qos={}", event.original_filter(), event.qos());
        self.log("on_before_subscribe", name, event.is_asked_again(), &text);
        let case = find(&self.section.on_before_subscribe, name);
        let told = self.block(case, name);
        let case = told.as_ref().or(case);
        self.change(case, |changes| changes.of_subscribe(event));
        self.later(case, name, |deadline| self.host.later(event, deadline))
            .unwrap_or_else(|| verdict(case))
    }

    fn on_subscribe(&self, event: &Subscribe<'_>) {
        let text = format!("original={} qos={}", event.original_filter(), event.qos());
        self.log("on_subscribe", event.whole_filter(), false, &text);
    }

    fn on_before_unsubscribe(&self, event: &Unsubscribe<'_>) -> Verdict {
        let name = event.whole_filter();
        let text = format!("original={}", event.original_filter());
        self.log("on_before_unsubscribe", name, event.is_asked_again(), &text);
        let case = find(&self.section.on_before_unsubscribe, name);
        let told = self.block(case, name);
        let case = told.as_ref().or(case);
        self.change(case, |changes| changes.of_unsubscribe(event));
        self.later(case, name, |deadline| self.host.later(event, deadline))
            .unwrap_or_else(|| verdict(case))
    }

    fn on_unsubscribe(&self, event: &Unsubscribe<'_>) {
        let text = format!("original={}", event.original_filter());
        self.log("on_unsubscribe", event.whole_filter(), false, &text);
    }

    fn on_message(&self, event: &Publish<'_>) {
        self.log("on_message", event.topic(), false, "");
        let Some(name) = event.topic().strip_prefix("answer/") else { return };
        let mut waiting = self.waiting.lock().unwrap();
        let Some(waits) = waiting.get_mut(name).filter(|all| !all.is_empty()) else { return };
        let text = String::from_utf8_lossy(event.payload()).into_owned();
        self.answers.lock().unwrap().send((waits.remove(0), text)).unwrap();
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        let name = event.topic();
        self.log("on_before_publish", name, event.is_asked_again(), &publish(event));
        let case = find(&self.section.on_before_publish, name);
        let told = self.block(case, name);
        if case.is_some_and(|case| case.log_again) {
            self.log("blocked", event.topic(), event.is_asked_again(), &publish(event));
        }
        let case = told.as_ref().or(case);
        self.change(case, |changes| changes.of_publish(event));
        self.later(case, name, |deadline| self.host.later(event, deadline))
            .unwrap_or_else(|| verdict(case))
    }

    fn on_publish(&self, event: &Publish<'_>) {
        self.log("on_publish", event.topic(), false, &publish(event));
    }

    fn on_will(&self, event: &Publish<'_>) -> Verdict {
        let name = event.topic();
        self.log("on_will", name, event.is_asked_again(), &publish(event));
        let case = find(&self.section.on_will, name);
        let told = self.block(case, name);
        let case = told.as_ref().or(case);
        self.change(case, |changes| changes.of_publish(event));
        self.later(case, name, |deadline| self.host.later(event, deadline))
            .unwrap_or_else(|| verdict(case))
    }
}

impl Rewriter {
    fn log(&self, hook: &str, name: &str, again: bool, text: &str) {
        log::info!("{} {hook} {name} asked_again={again} {text}", self.section.prefix);
    }

    fn change(&self, case: Option<&Case>, give: impl FnOnce(Changes<'_>) -> Vec<String>) {
        let Some(case) = case.filter(|case| !case.change.is_empty()) else { return };
        for said in give(Changes(&case.change)) {
            log::info!("{} {said}", self.section.prefix);
        }
    }

    fn later(
        &self,
        case: Option<&Case>,
        name: &str,
        make: impl FnOnce(Duration) -> Option<Later>,
    ) -> Option<Verdict> {
        let case = case?;
        let later = make(Duration::from_millis(case.later?))?;
        if case.before {
            let text = "continue";
            std::thread::spawn(move || change::answer(later, text)).join().unwrap();
        } else {
            self.wait(name, Waits::Later(later));
        }
        Some(Verdict::Pending)
    }

    fn wait(&self, name: &str, waits: Waits) {
        self.waiting.lock().unwrap().entry(name.to_owned()).or_default().push(waits);
        log::info!("{} waits {name}", self.section.prefix);
    }

    /// Blocks if the case says so. Returns what to do then.
    fn block(&self, case: Option<&Case>, name: &str) -> Option<Case> {
        case.filter(|case| case.block)?;
        let (sender, told) = channel();
        self.wait(name, Waits::Blocked(sender));
        Some(Case::told(&told.recv().unwrap()))
    }
}

impl Case {
    /// What an answer in words says.
    fn told(text: &str) -> Case {
        let (changes, last) = text.rsplit_once(',').unwrap_or(("", text));
        let changes = changes.split(',').filter(|change| !change.is_empty());
        let mut words = last.splitn(3, ' ');
        let refuse = match words.next().unwrap() {
            "continue" => None,
            "veto" => Some(0),
            "refuse" => Some(words.next().unwrap().parse().unwrap()),
            other => panic!("{other}"),
        };
        Case {
            change: changes.map(str::to_owned).collect(),
            refuse,
            words: words.next().map(str::to_owned),
            ..Case::default()
        }
    }
}

fn find<'a>(cases: &'a [Case], name: &str) -> Option<&'a Case> {
    cases.iter().find(|case| case.name == name)
}

fn verdict(case: Option<&Case>) -> Verdict {
    match case.and_then(|case| case.refuse) {
        None => Verdict::Continue,
        Some(0) => Verdict::Veto,
        Some(code) => {
            let words = case.and_then(|case| case.words.as_deref());
            Verdict::refuse_with(code).reason(words.unwrap_or("no").to_owned())
        }
    }
}

fn publish(event: &Publish<'_>) -> String {
    format!(
        "original={} payload={} qos={} retain={} origin={:?} depth={} {:?}",
        event.original_topic(),
        String::from_utf8_lossy(event.payload()),
        event.qos(),
        event.retain(),
        event.origin(),
        event.depth(),
        event.user_properties().collect::<Vec<_>>(),
    )
}

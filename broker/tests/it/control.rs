//! The control socket of a broker that clients are connected to.

use hookmq::control::{Control, ControlSocket};
use mqtt::{QoS, Version};
use serde_json::{Value, json};

use crate::common::log;
use crate::common::plugins::{self, PluginDir};
use crate::support::auth::entry;
use crate::support::caller::tell;
use crate::support::{Broker, Client, Operator, both_versions};

both_versions!(
    a_trace_shows_what_plugins_refuse,
    what_is_changed_at_the_socket_is_in_force_for_the_next_packet,
);

/// Of a broker here.
const EVENT_LOOPS: usize = 2;

/// All event loops wait for a plugin: operators do not, and can take it out.
#[test]
fn the_socket_answers_while_plugins_hold_up_all_event_loops() {
    let controlled = Controlled::start("unheld");
    let go = controlled.directory.path().join("go");
    let code = format!(
        "#include <unistd.h>
         #include \"plugin.h\"
         MQ_PLUGIN(\"held\", \"1.0.0\", \"MIT\", \"Waits for a file\");
         static const mq_host *host;
         int32_t Bootstrap(const mq_host *given, mq_view json, void **instance) {{
             (void)json; (void)instance;
             host = given;
             return 0;
         }}
         int32_t OnMessage(void *instance, const mq_publish *event) {{
             (void)instance; (void)event;
             host->log(host->ctx, 3, MQ_TEXT(\"\"), MQ_TEXT(\"waits\"), MQ_TEXT(\"\"), 0);
             while (access(\"{}\", F_OK) != 0) usleep(1000);
             return MQ_CONTINUE;
         }}",
        go.display()
    );
    controlled.directory.put(plugins::c_text(&code), "held");
    let mut operator = controlled.operator();
    let about = |command: &str| json!({ "command": command, "plugin": "held" });
    assert_eq!(operator.ask(&about("plugins.enable")), json!({ "ok": null }));
    // More than there are event loops, which take turns in having connections.
    let mut clients: Vec<Client> = (0..4)
        .map(|number| Client::connect(&controlled.broker, Version::V5, &format!("c{number}")))
        .collect();
    clients.iter_mut().for_each(|client| tell(client, "a", ""));
    log::until(|| (log::messages("plugin::held").len() >= EVENT_LOOPS).then_some(()));
    let list = operator.ask(&json!({ "command": "plugins.list" }));
    assert_eq!(list["ok"][1]["name"], "held");
    assert_eq!(operator.ask(&about("plugins.disable")), json!({ "ok": null }));
    controlled.directory.write("go", b"");
    clients.iter_mut().for_each(Client::ping);
}

/// A broker with a plugin that vetoes what is published, and its control socket.
struct Controlled {
    broker: Broker,
    directory: PluginDir,
    _control: Control,
}

impl Controlled {
    fn start(name: &str) -> Controlled {
        log::take();
        let directory = PluginDir::new();
        directory.put(plugins::rust("hook-log"), name);
        let section = json!({ "veto": ["on_before_publish"] });
        let broker = Broker::with_plugins(&directory, vec![entry(name, section)]);
        let socket = ControlSocket::make(&directory.path().join("control.sock")).unwrap();
        let control = Control::start(socket, broker.roster().clone()).unwrap();
        Controlled { broker, directory, _control: control }
    }

    fn operator(&self) -> Operator {
        Operator::connect(&self.directory.path().join("control.sock"))
    }
}

fn a_trace_shows_what_plugins_refuse(version: Version) {
    let name = &*format!("traced-{}", version.level());
    let controlled = Controlled::start(name);
    let mut client = Client::connect(&controlled.broker, version, "c");
    let mut other = Client::connect(&controlled.broker, version, "other");
    let mut operator = controlled.operator();
    let trace = json!({ "command": "plugins.trace", "client": "c", "answers": "refusals" });
    assert_eq!(operator.ask(&trace), json!({ "ok": null }));
    other.publish("a", "", QoS::AtLeastOnce);
    client.publish("a/b", "", QoS::AtLeastOnce);
    let traced = operator.next()["traced"].take();
    let is = |key: &str, value: Value| assert_eq!(traced[key], value, "{traced}");
    is("plugin", json!(name));
    is("hook", json!("on_before_publish"));
    is("client", json!("c"));
    is("subject", json!("a/b"));
    is("answer", json!("veto"));
    is("refused", json!(true));
    // Another operator is answered meanwhile.
    let stats = controlled.operator().ask(&json!({ "command": "plugins.stats", "plugin": name }));
    let hooks = stats["ok"].as_array().unwrap();
    let asked = hooks.iter().find(|hook| hook["hook"] == "on_before_publish").unwrap();
    assert_eq!((&asked["asked"], &asked["vetoed"]), (&json!(2), &json!(2)));
}

fn what_is_changed_at_the_socket_is_in_force_for_the_next_packet(version: Version) {
    let name = &*format!("changed-{}", version.level());
    let controlled = Controlled::start(name);
    let mut client = Client::connect(&controlled.broker, version, "c");
    client.subscribe("a", QoS::AtMostOnce);
    let mut other = Client::connect(&controlled.broker, version, "other");
    other.publish("a", "vetoed", QoS::AtLeastOnce);
    let mut operator = controlled.operator();
    let section = json!({ "command": "plugins.config", "plugin": name, "section": { "veto": [] } });
    assert_eq!(operator.ask(&section), json!({ "ok": null }));
    other.publish("a", "passes", QoS::AtLeastOnce);
    client.expect("a", "passes");
    let disable = json!({ "command": "plugins.disable", "plugin": name });
    assert_eq!(operator.ask(&disable), json!({ "ok": null }));
    other.publish("a", "unasked", QoS::AtLeastOnce);
    client.expect("a", "unasked");
    let said = log::messages(&format!("plugin::{name}"));
    assert_eq!(said.iter().filter(|line| line.contains(" on_before_publish")).count(), 2);
}

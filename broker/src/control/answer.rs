//! What is answered at the control socket.

use std::time::Duration;

use serde_json::{Value, json};

use super::request::Request;
use crate::hooks::Standing;
use crate::plugins::{ChangeError, Enlisted, PluginStats, Roster};
use crate::status::Status;

/// Does what is asked for. Blocks as long as plugins take to start.
pub(super) fn answer(roster: &Roster, request: Request) -> Result<Value, String> {
    let changed = |result: Result<(), ChangeError>| {
        result.map(|()| Value::Null).map_err(|error| error.to_string())
    };
    match request {
        Request::Status {} => status(roster).map(|status| status.json()),
        Request::BrokerMetrics {} => status(roster).map(|status| status.metrics().into()),
        Request::List {} => Ok(roster.list().iter().map(plugin).collect()),
        Request::Enable { plugin } => changed(roster.enable(&plugin)),
        Request::Disable { plugin } => changed(roster.disable(&plugin)),
        Request::Reload { plugin } => changed(roster.reload(plugin.as_deref())),
        Request::Config { plugin, section: Some(section) } => {
            changed(roster.configure(&plugin, section))
        }
        Request::Config { plugin, section: None } => {
            let list = roster.list();
            let found = list.into_iter().find(|it| it.name == plugin).map(|it| it.entry.config);
            found.ok_or_else(|| ChangeError::NotLoaded(plugin).to_string())
        }
        Request::Reorder { plugins } => changed(roster.reorder(&plugins)),
        // They have no end, and are not answered here.
        Request::Trace { .. } | Request::Record { .. } => Ok(Value::Null),
        Request::Metrics {} => Ok(Value::String(roster.plugins().metrics_text())),
        Request::Stats { plugin } => stats(roster, plugin.as_deref()),
    }
}

fn status(roster: &Roster) -> Result<Status, String> {
    roster.plugins().status().ok_or_else(|| "the broker does not serve now".to_owned())
}

fn plugin(plugin: &Enlisted) -> Value {
    let Enlisted { name, entry, enabled, detail } = plugin;
    let (state, quarantined) = match (enabled, detail.as_ref().map(|detail| detail.standing)) {
        (false, _) => ("disabled", None),
        (true, None) => ("not loaded", None),
        (true, Some(Standing::Serving)) => ("serving", None),
        (true, Some(Standing::OnTrial)) => ("on trial", None),
        (true, Some(Standing::Quarantined(time))) => ("quarantined", Some(micros(time) / 1000)),
    };
    json!({
        "name": name,
        "state": state,
        "quarantined_ms": quarantined,
        "shadow": entry.shadow,
        "line": entry.line,
        "version": detail.as_ref().map(|it| &it.version),
        "file": detail.as_ref().map(|it| it.file.display().to_string()),
        "sha256": detail.as_ref().map(|it| it.sha256.to_string()),
        "capabilities": detail.as_ref().map(|it| it.granted.names().collect::<Vec<_>>()),
        "hooks": detail.as_ref().map(|it| &it.hooks),
        "blocking": detail.as_ref().map(|it| &it.blocking),
        "seconds": detail.as_ref().map(|it| it.age.as_secs()),
    })
}

fn stats(roster: &Roster, plugin: Option<&str>) -> Result<Value, String> {
    let mut stats = roster.plugins().stats();
    if let Some(plugin) = plugin {
        if roster.list().iter().all(|it| it.name != plugin) {
            return Err(ChangeError::NotLoaded(plugin.to_owned()).to_string());
        }
        stats.retain(|it| *it.plugin == *plugin);
    }
    Ok(stats.iter().map(hook).collect())
}

fn hook(PluginStats { plugin, hook, counts }: &PluginStats) -> Value {
    json!({
        "plugin": plugin.as_ref(),
        "hook": hook,
        "asked": counts.asked,
        "allowed": counts.allowed,
        "vetoed": counts.vetoed,
        "refused": counts.refused,
        "failed": counts.failed,
        "throttled": counts.throttled,
        "pending": counts.pending,
        "waiting": counts.waiting,
        "overdue": counts.overdue,
        "skipped": counts.skipped,
        "agreed": counts.agreed,
        "would_refuse": counts.would_refuse,
        "would_allow": counts.would_allow,
        "timed": counts.timed,
        "p50_ns": nanos(counts.p50),
        "p99_ns": nanos(counts.p99),
        "max_ns": nanos(counts.max),
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    nanos(time) / 1000
}

//! The trace: a line for each answer of a plugin, until who reads it closes the connection.

use std::io;
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncReadExt};
use tokio::net::unix::OwnedWriteHalf;

use super::request::{Request, Shown};
use super::serve::say;
use crate::hooks::{Answers, TraceFilter, TraceReader, Traced, TracedAnswer, point};
use crate::plugins::{ChangeError, Roster};

/// Begins a trace, if that is what is asked for; an error says what nobody could ever see.
pub(super) fn begin(roster: &Roster, request: &Request) -> Option<Result<TraceReader, String>> {
    let Request::Trace { plugin, hook, client, answers } = request else { return None };
    if let Some(plugin) = plugin
        && roster.list().iter().all(|it| it.name != *plugin)
    {
        return Some(Err(ChangeError::NotLoaded(plugin.clone()).to_string()));
    }
    if let Some(hook) = hook
        && point::ALL.iter().all(|(_, name)| name != hook)
    {
        let all: Vec<&str> = point::ALL.iter().map(|(_, name)| *name).collect();
        return Some(Err(format!("there is no hook {hook}; there are {}", all.join(", "))));
    }
    let answers = match answers {
        Shown::Notable => Answers::Notable,
        Shown::Refusals => Answers::Refusals,
        Shown::All => Answers::All,
    };
    let (plugin, hook, client_id) = (plugin.clone(), hook.clone(), client.clone());
    Some(Ok(roster.plugins().trace(TraceFilter { plugin, hook, client_id, answers })))
}

/// Shows answers as they come.
pub(super) async fn show(
    mut trace: TraceReader,
    read: &mut (impl AsyncBufRead + Unpin),
    write: &mut OwnedWriteHalf,
) -> io::Result<()> {
    say(write, &json!({ "ok": null })).await?;
    let mut byte = [0];
    loop {
        tokio::select! {
            // It has closed the connection, or says what nobody has asked for.
            _ = read.read(&mut byte) => return Ok(()),
            traced = trace.next() => {
                let Some(traced) = traced else { return Ok(()) };
                say(write, &json!({ "traced": line(&traced) })).await?;
            }
        }
        match trace.take_missed() {
            0 => {}
            missed => say(write, &json!({ "missed": missed })).await?,
        }
    }
}

fn line(traced: &Traced) -> Value {
    let (answer, code, words) = match &traced.answer {
        TracedAnswer::Continue => ("continue", None, None),
        TracedAnswer::Veto => ("veto", None, None),
        TracedAnswer::Refuse(reason, words) => ("refuse", Some(*reason as i64), words.as_deref()),
        TracedAnswer::Pending => ("pending", None, None),
        TracedAnswer::Challenge => ("challenge", None, None),
        TracedAnswer::Authenticated => ("authenticated", None, None),
        TracedAnswer::Failed(returned, _) => ("failed", Some(i64::from(*returned)), None),
        TracedAnswer::Skipped(_) => ("skipped", None, None),
    };
    let at = traced.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "unix_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        "plugin": traced.plugin.as_ref(),
        "hook": traced.hook,
        "client": traced.client_id,
        "peer": traced.peer.map(|peer| peer.to_string()),
        "subject": traced.subject,
        "answer": answer,
        "code": code,
        "words": words,
        "refused": traced.answer.is_no() && !traced.shadow,
        "shadow": traced.shadow,
        "took_ns": u64::try_from(traced.took.as_nanos()).unwrap_or(u64::MAX),
    })
}

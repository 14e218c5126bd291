//! A recording: what hooks are told, sent as it stands in a file, until who reads it has enough.

use std::io;

use serde_json::json;
use tokio::io::{AsyncBufRead, AsyncReadExt};
use tokio::net::unix::OwnedWriteHalf;

use super::serve::{say, write_all};
use crate::hooks::{RecordFilter, Recording};
use crate::plugins::Roster;

/// Records until the peer closes its end, or that of the connection where it writes; then what has happened
/// before is sent too.
pub(super) async fn send(
    roster: &Roster,
    filter: RecordFilter,
    read: &mut (impl AsyncBufRead + Unpin),
    write: &mut OwnedWriteHalf,
) -> io::Result<()> {
    log::info!("what hooks are told is recorded, for the control socket: {filter}");
    let mut recording = roster.plugins().record(filter);
    let sent = send_all(&mut recording, read, write).await;
    match &sent {
        Ok(()) => log::info!("the recording has ended"),
        Err(error) => {
            log::warn!("the recording has ended: its reader is gone or too slow: {error}");
        }
    }
    sent
}

async fn send_all(
    recording: &mut Recording,
    read: &mut (impl AsyncBufRead + Unpin),
    write: &mut OwnedWriteHalf,
) -> io::Result<()> {
    say(write, &json!({ "ok": null })).await?;
    write_all(write, &recording::MAGIC).await?;
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    loop {
        bytes.clear();
        let more = tokio::select! {
            // It has enough, or says what nobody has asked for.
            _ = read.read(&mut byte) => break,
            more = recording.read(&mut bytes) => more,
        };
        write_all(write, &bytes).await?;
        if !more {
            return Ok(());
        }
    }
    recording.stop();
    bytes.clear();
    while recording.read(&mut bytes).await {
        write_all(write, &bytes).await?;
        bytes.clear();
    }
    Ok(())
}

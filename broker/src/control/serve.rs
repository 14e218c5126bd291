//! The event loop of the control socket: reads requests, has them done, writes answers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::answer::answer;
use super::record;
use super::request::Request;
use super::socket::ControlSocket;
use super::trace;
use crate::hooks::RecordFilter;
use crate::plugins::Roster;

/// Connections at once.
pub(super) const CONNECTIONS: usize = 16;

/// Bytes of a request.
const LONGEST: u64 = 1024 * 1024;

/// How long a connection may say nothing, or take nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Serves until `stopped`.
pub(super) async fn serve(
    socket: &ControlSocket,
    roster: Arc<Roster>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = UnixListener::from_std(socket.listener.try_clone()?)?;
    tokio::select! {
        _ = stopped => Ok(()),
        ended = accept(&listener, &roster) => ended,
    }
}

async fn accept(listener: &UnixListener, roster: &Arc<Roster>) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files: some will be closed.
                log::warn!("the control socket cannot accept: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let place = places.clone().try_acquire_owned();
        let roster = roster.clone();
        tokio::spawn(async move {
            let (read, mut write) = stream.into_split();
            let ended = match place {
                Ok(_) => converse(read, &mut write, &roster).await,
                Err(_) => {
                    let text = format!("{CONNECTIONS} connections are open already; close one");
                    say(&mut write, &json!({ "error": text })).await
                }
            };
            if let Err(error) = ended {
                log::debug!("a connection to the control socket has ended: {error}");
            }
        });
    }
}

/// One request after the other, until the peer has no more.
async fn converse(
    read: OwnedReadHalf,
    write: &mut OwnedWriteHalf,
    roster: &Arc<Roster>,
) -> io::Result<()> {
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut request = (&mut read).take(LONGEST);
        timeout(SILENCE, request.read_until(b'\n', &mut line)).await??;
        if line.is_empty() {
            return Ok(());
        }
        if line.len() as u64 >= LONGEST {
            return say(write, &json!({ "error": "the request is longer than 1 MiB" })).await;
        }
        match serde_json::from_slice::<Request>(&line) {
            Ok(Request::Record { hooks, clients, with_passwords }) => {
                match RecordFilter::new(hooks, clients, with_passwords) {
                    Ok(filter) => return record::send(roster, filter, &mut read, write).await,
                    Err(error) => say(write, &json!({ "error": error.to_string() })).await?,
                }
            }
            Ok(request) => match trace::begin(roster, &request) {
                Some(Ok(trace)) => return trace::show(trace, &mut read, write).await,
                Some(Err(text)) => say(write, &json!({ "error": text })).await?,
                None => say(write, &carry_out(roster, request).await).await?,
            },
            Err(error) => {
                let text = format!("this is no request: {error}");
                say(write, &json!({ "error": text })).await?;
            }
        }
    }
}

/// What waits for plugins waits elsewhere, so that others are answered meanwhile.
async fn carry_out(roster: &Arc<Roster>, request: Request) -> Value {
    let roster = roster.clone();
    match tokio::task::spawn_blocking(move || answer(&roster, request)).await {
        Ok(Ok(done)) => json!({ "ok": done }),
        Ok(Err(error)) => json!({ "error": error }),
        Err(error) => json!({ "error": format!("the broker has failed to do it: {error}") }),
    }
}

/// Writes a line.
pub(super) async fn say(write: &mut OwnedWriteHalf, line: &Value) -> io::Result<()> {
    write_all(write, format!("{line}\n").as_bytes()).await
}

/// Fails if the peer takes nothing for too long.
pub(super) async fn write_all(write: &mut OwnedWriteHalf, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match timeout(SILENCE, write.write(rest)).await?? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => rest = rest.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

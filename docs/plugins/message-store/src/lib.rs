//! Writes messages into a SQLite database. Who publishes at QoS 1 or 2 gets the acknowledgement when the
//! message is in it.

use std::iter;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use plugin_abi::serde::Deserialize;
use plugin_abi::{Config, Host, Later, Plugin, Publish, Result, Verdict, log, plugin};
use rusqlite::{Connection, params};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Settings {
    database: PathBuf,
    topics: Vec<String>,
}

struct MessageStore {
    host: Host,
    rows: SyncSender<Row>,
}

struct Row {
    client: String,
    topic: String,
    payload: Vec<u8>,
    /// None at QoS 0, where nobody waits.
    later: Option<Later>,
}

const SERVER_BUSY: u8 = 0x97;
const TABLE: &str = "CREATE TABLE IF NOT EXISTS messages (
    at TEXT DEFAULT CURRENT_TIMESTAMP, client TEXT, topic TEXT, payload BLOB)";

#[plugin]
impl Plugin for MessageStore {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let Settings { database, topics } = config.get()?;
        let mut interest = host.interest("on_before_publish");
        for filter in &topics {
            interest = interest.topic(filter)?;
        }
        let mut connection = Connection::open(host.config_folder()?.join(database))?;
        connection.execute_batch(TABLE)?;
        let (rows, queue) = sync_channel(10_000);
        thread::Builder::new()
            .name("message-store".into())
            .spawn(move || write(&mut connection, &queue))?;
        Ok(MessageStore { host, rows })
    }

    fn on_before_publish(&self, event: &Publish<'_>) -> Verdict {
        // It is in the database already.
        if event.is_asked_again() {
            return Verdict::Continue;
        }
        let later = match event.qos() {
            0 => None,
            _ => self.host.later(event, Duration::from_secs(10)),
        };
        let verdict = if later.is_some() { Verdict::Pending } else { Verdict::Continue };
        let row = Row {
            client: event.client().client_id().into(),
            topic: event.topic().into(),
            payload: event.payload().into(),
            later,
        };
        match self.rows.try_send(row) {
            Ok(()) => verdict,
            Err(_) => Verdict::refuse_with(SERVER_BUSY).reason("the database is too slow"),
        }
    }
}

/// All that waits goes into one transaction, and is then acknowledged.
fn write(connection: &mut Connection, queue: &Receiver<Row>) {
    while let Ok(first) = queue.recv() {
        let rows: Vec<Row> = iter::once(first).chain(queue.try_iter().take(1000)).collect();
        let verdict = match insert(connection, &rows) {
            Ok(()) => Verdict::Continue,
            Err(error) => {
                log::error!("{} messages are not stored: {error}", rows.len());
                Verdict::refuse_with(SERVER_BUSY)
            }
        };
        for later in rows.into_iter().filter_map(|row| row.later) {
            // Too late, or the client is gone: it will send the message again.
            let _ = later.complete(verdict.clone());
        }
    }
}

fn insert(connection: &mut Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut row_in = transaction
        .prepare_cached("INSERT INTO messages (client, topic, payload) VALUES (?1, ?2, ?3)")?;
    for Row { client, topic, payload, .. } in rows {
        row_in.execute(params![client, topic, payload])?;
    }
    drop(row_in);
    transaction.commit()
}

//! Lets in who stands in the table `users` of a SQLite database with the right password.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use plugin_abi::serde::Deserialize;
use plugin_abi::{BeforeConnect, Config, Host, Later, Plugin, Result, Verdict, log, plugin};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Settings {
    database: PathBuf,
}

struct DatabaseUsers {
    host: Host,
    questions: SyncSender<Question>,
}

struct Question {
    later: Later,
    name: String,
    password: Vec<u8>,
}

const BAD_USER_NAME_OR_PASSWORD: u8 = 0x86;
const NOT_AUTHORIZED: u8 = 0x87;
const SERVER_BUSY: u8 = 0x89;

#[plugin]
impl Plugin for DatabaseUsers {
    fn bootstrap(host: Host, config: Config) -> Result<Self> {
        let Settings { database } = config.get()?;
        let database = host.config_folder()?.join(database);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&database, flags)
            .map_err(|error| format!("database {}: {error}", database.display()))?;
        let (questions, queue) = sync_channel(100);
        // It ends when the plugin does, which has the other end of the queue.
        thread::Builder::new()
            .name("database-users".into())
            .spawn(move || serve(&connection, &queue))?;
        Ok(DatabaseUsers { host, questions })
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        let (Some(name), Some(password)) = (event.client().username(), event.password()) else {
            return Verdict::refuse_with(NOT_AUTHORIZED)
                .reason("a user name and a password, please");
        };
        let Some(later) = self.host.later(event, Duration::from_secs(5)) else {
            return Verdict::refuse_with(SERVER_BUSY);
        };
        let question = Question { later, name: name.into(), password: password.into() };
        match self.questions.try_send(question) {
            Ok(()) => Verdict::Pending,
            Err(_) => Verdict::refuse_with(SERVER_BUSY),
        }
    }
}

/// Answers one question after the other; only the clients in question wait.
fn serve(connection: &Connection, queue: &Receiver<Question>) {
    for Question { later, name, password } in queue {
        let verdict = match hash_of(connection, &name) {
            Ok(Some(hash)) if is_right(&hash, &password) => Verdict::Continue,
            Ok(_) => Verdict::refuse_with(BAD_USER_NAME_OR_PASSWORD),
            Err(error) => {
                log::error!("the database does not answer: {error}");
                Verdict::refuse_with(SERVER_BUSY)
            }
        };
        // Too late, or the client is gone: nobody waits for the answer any more.
        let _ = later.complete(verdict);
    }
}

fn hash_of(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let mut query = connection.prepare_cached("SELECT password FROM users WHERE name = ?1")?;
    query.query_row([name], |row| row.get(0)).optional()
}

fn is_right(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

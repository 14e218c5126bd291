//! Lets in who stands in the table `users` of a SQLite database with the right password.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use plugin_abi::serde::Deserialize;
use plugin_abi::{BeforeConnect, Config, Host, Plugin, Result, Verdict, log, plugin};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
struct Settings {
    database: PathBuf,
}

struct DatabaseUsers {
    database: Mutex<Connection>,
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
        // On a thread for that: only the client that connects waits, five seconds at most.
        host.blocking("on_before_connect", Duration::from_secs(5))?;
        Ok(DatabaseUsers { database: Mutex::new(connection) })
    }

    fn on_before_connect(&self, event: &BeforeConnect<'_>) -> Verdict {
        let (Some(name), Some(password)) = (event.client().username(), event.password()) else {
            return Verdict::refuse_with(NOT_AUTHORIZED)
                .reason("a user name and a password, please");
        };
        match self.hash_of(name) {
            Ok(Some(hash)) if is_right(&hash, password) => Verdict::Continue,
            Ok(_) => Verdict::refuse_with(BAD_USER_NAME_OR_PASSWORD),
            Err(error) => {
                log::error!("the database does not answer: {error}");
                Verdict::refuse_with(SERVER_BUSY)
            }
        }
    }
}

impl DatabaseUsers {
    fn hash_of(&self, name: &str) -> rusqlite::Result<Option<String>> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let mut query = database.prepare_cached("SELECT password FROM users WHERE name = ?1")?;
        query.query_row([name], |row| row.get(0)).optional()
    }
}

fn is_right(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

//! The file of users and their hashed passwords: its format, for whoever reads it (the plugin `auth-file`)
//! and whoever writes it (`hookmq passwd`). It opens no file itself.
//!
//! A line is a user, `NAME:HASH`, or a comment that begins with `#`, or blank. The hash is argon2id in the
//! PHC string format, which says its own salt and cost, so that one file may have several of them:
//!
//! ```text
//! # the cellar
//! pump:$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG…
//! ```

mod file;
mod hash;
mod name;

pub use file::{PasswordFile, Problem};
pub use hash::{BadHash, Cost, Hash, HashError};
pub use name::{BadName, check_name};

//! Why a plugin could not start. Not for hooks: these answer with a verdict.

use std::{error::Error as StdError, fmt};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error, or a text. The broker prints it, with its causes, when it refuses to start.
pub struct Error(Box<dyn StdError + Send + Sync>);

// Like the error types made for `main`, this one is not itself a `std::error::Error`; only so can
// it be made from all of them with `?`.
impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        Error(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_errors_become_an_error() {
        let parse = || -> Result<u8> { Ok("x".parse::<u8>()?) };
        assert_eq!(parse().unwrap_err().to_string(), "invalid digit found in string");
        let text = || -> Result<()> { Err("too small")? };
        assert_eq!(text().unwrap_err().to_string(), "too small");
        assert_eq!(Error::from(format!("{} is too small", 1)).to_string(), "1 is too small");
    }
}

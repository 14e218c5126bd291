//! How many files this process may have open: each client is one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::trouble::BenchError;

/// For event loops, standard streams and /proc.
const OTHERS: u64 = 64;

/// Raises the soft limit if need be, as far as the hard limit goes.
pub(crate) fn allow(clients: u64) -> Result<(), BenchError> {
    let needed = clients + OTHERS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if needed <= soft {
        return Ok(());
    }
    if needed > hard {
        return Err(BenchError::Files { clients, needed, hard });
    }
    Ok(setrlimit(Resource::RLIMIT_NOFILE, needed, hard)?)
}

#[cfg(test)]
mod tests {
    use super::{BenchError, allow};

    #[test]
    fn says_when_the_hard_limit_is_short() {
        let error = allow(u64::from(u32::MAX)).unwrap_err();
        assert!(matches!(error, BenchError::Files { .. }) && error.to_string().contains("ulimit"));
        assert!(allow(1).is_ok());
    }
}

//! A hashed password: argon2id, with its salt and cost.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// A password that was hashed with argon2id.
///
/// Its text, by `Display` and `FromStr`, is the PHC string format. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(PasswordHash);

/// What it costs to hash a password once: to whoever checks one, and to whoever guesses.
///
/// The default is 19 MiB and 2 passes. It takes some 20 ms, and fits a machine that many log in to at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// In KiB, from 8 to [`Cost::MAX_MEMORY`].
    pub memory: u32,
    /// How often all of the memory is gone over, from 1 to [`Cost::MAX_PASSES`].
    pub passes: u32,
}

impl Cost {
    /// The most memory that a hash may take, in KiB.
    pub const MAX_MEMORY: u32 = 1024 * 1024;
    /// The most passes that a hash may take.
    pub const MAX_PASSES: u32 = 1000;
    const MAX_LANES: u32 = 64;
}

impl Default for Cost {
    fn default() -> Self {
        Cost { memory: Params::DEFAULT_M_COST, passes: Params::DEFAULT_T_COST }
    }
}

/// Why a text is no hash that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHash {
    /// It is something else, or was cut off.
    #[error("expected $argon2id$v=19$m=…,t=…,p=…$SALT$HASH")]
    Format,
    /// It was made by another algorithm.
    #[error("only argon2id hashes (version 19) can be checked; set the password anew")]
    Algorithm,
    /// A client could keep the machine busy with it.
    #[error(
        "its cost is too high: at most {} KiB (m), {} passes (t) and {} lanes (p)",
        Cost::MAX_MEMORY,
        Cost::MAX_PASSES,
        Cost::MAX_LANES
    )]
    Cost,
}

/// Why a password could not be hashed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot hash the password: {0}")]
pub struct HashError(String);

impl Hash {
    /// Hashes a password with a salt from the system's random numbers. Takes the time and the memory that
    /// `cost` says.
    ///
    /// # Errors
    ///
    /// If the cost is out of its range, there are no random numbers, or not so much memory.
    pub fn new(password: &[u8], cost: Cost) -> Result<Hash, HashError> {
        let params = Params::new(cost.memory, cost.passes, 1, None)
            .map_err(|error| HashError(error.to_string()))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = hasher.hash_password(password).map_err(|error| HashError(error.to_string()))?;
        Ok(Hash(hash))
    }

    /// Whether it is the hash of this password. Takes the time and the memory that its cost says.
    pub fn verify(&self, password: &[u8]) -> bool {
        // The hash says the parameters, and not the hasher.
        Argon2::default().verify_password(password, &self.0).is_ok()
    }

    /// The memory that [`verify`](Self::verify) takes, in bytes.
    pub fn memory(&self) -> usize {
        Params::try_from(&self.0).map_or(0, |params| params.m_cost() as usize * 1024)
    }
}

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Hash, BadHash> {
        let hash = PasswordHash::new(text).map_err(|_| BadHash::Format)?;
        let is_checked = hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
            && hash.version == Some(Version::V0x13.into());
        if !is_checked {
            return Err(BadHash::Algorithm);
        }
        let params = Params::try_from(&hash).map_err(|_| BadHash::Format)?;
        let is_whole = hash.hash.is_some()
            && hash.salt.as_ref().is_some_and(|salt| salt.len() >= argon2::MIN_SALT_LEN);
        let is_cheap = params.m_cost() <= Cost::MAX_MEMORY
            && params.t_cost() <= Cost::MAX_PASSES
            && params.p_cost() <= Cost::MAX_LANES;
        match (is_whole, is_cheap) {
            (false, _) => Err(BadHash::Format),
            (true, false) => Err(BadHash::Cost),
            (true, true) => Ok(Hash(hash)),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory: 8, passes: 1 };

    #[test]
    fn a_password_is_told_from_others() {
        for password in [&b"secret"[..], b"", b"\0\xFF", &[b'x'; 65_535]] {
            let hash = Hash::new(password, CHEAP).unwrap();
            let read: Hash = hash.to_string().parse().unwrap();
            assert_eq!(read, hash);
            assert!(read.verify(password));
            assert!(!read.verify(b"Secret"));
            assert!(!read.verify(&[password, b"x"].concat()));
        }
    }

    #[test]
    fn each_hash_has_its_own_salt_and_its_cost() {
        let [one, other] = [(); 2].map(|()| Hash::new(b"secret", CHEAP).unwrap());
        assert_ne!(one, other);
        assert!(one.to_string().starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{one}");
        assert_eq!(one.memory(), 8192);
        assert!(Hash::new(b"secret", Cost { memory: 7, ..CHEAP }).is_err());
        assert_eq!(format!("{one:?}"), "Hash(…)");
    }

    /// The reference implementation's own test vectors: `argon2 somesalt -id -t 2 -m 16 -p 1` and two more.
    #[test]
    fn hashes_of_other_programs_are_checked() {
        for (hash, password) in [
            (
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                &b"password"[..],
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                b"password",
            ),
            (
                "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
                b"password",
            ),
        ] {
            let hash: Hash = hash.parse().unwrap();
            assert!(hash.verify(password), "{hash}");
            assert!(!hash.verify(b"Password"), "{hash}");
        }
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        let salt_and_hash = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        for (start, problem) in [
            ("", BadHash::Format),
            ("secret", BadHash::Format),
            ("$argon2i$v=19$m=256,t=2,p=1$", BadHash::Algorithm),
            ("$argon2d$v=19$m=256,t=2,p=1$", BadHash::Algorithm),
            ("$argon2id$v=16$m=256,t=2,p=1$", BadHash::Algorithm),
            ("$argon2id$m=256,t=2,p=1$", BadHash::Algorithm),
            ("$argon2id$v=19$m=1048577,t=2,p=1$", BadHash::Cost),
            ("$argon2id$v=19$m=256,t=1001,p=1$", BadHash::Cost),
            ("$argon2id$v=19$m=1024,t=1,p=65$", BadHash::Cost),
            ("$argon2id$v=19$m=0,t=1,p=1$", BadHash::Format),
            ("$argon2id$v=19$m=256,t=2,p=1,x=1$", BadHash::Format),
        ] {
            let text = format!("{start}{salt_and_hash}");
            assert_eq!(text.parse::<Hash>(), Err(problem), "{text}");
        }
        for text in [
            "",
            "secret",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=256,t=2,p=1$c29t$nf65EOgLrQMR",
        ] {
            assert_eq!(text.parse::<Hash>(), Err(BadHash::Format), "{text}");
        }
    }
}

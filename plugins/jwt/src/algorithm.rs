//! Which algorithms a key is for. It is said by what the key is and by the config, and never by a token.

use jsonwebtoken::Algorithm::{self, *};

/// What a key is, as far as it decides that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Of so many bytes.
    Secret(usize),
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    /// The first is what it is for if nothing else is said.
    fn possible(self) -> &'static [Algorithm] {
        match self {
            Kind::Secret(_) => &[HS256, HS384, HS512],
            Kind::Rsa => &[RS256, RS384, RS512, PS256, PS384, PS512],
            Kind::P256 => &[ES256],
            Kind::P384 => &[ES384],
            Kind::Ed25519 => &[EdDSA],
        }
    }

    /// What a key is for: those wanted, or one.
    ///
    /// # Errors
    ///
    /// A key of this kind is not for one of them.
    pub(crate) fn algorithms(self, wanted: Option<&[Algorithm]>) -> Result<Vec<Algorithm>, String> {
        let possible = self.possible();
        let algorithms = wanted.unwrap_or(possible.get(..1).unwrap_or_default()).to_vec();
        if let Some(other) = algorithms.iter().find(|algorithm| !possible.contains(algorithm)) {
            return Err(format!("a key of this kind is not for {other:?}, but for {possible:?}"));
        }
        match (self, algorithms.iter().map(|algorithm| secret_size(*algorithm)).max()) {
            (Kind::Secret(size), Some(least)) if size < least => Err(format!(
                "the secret has {size} bytes, and {algorithms:?} needs {least} or more; \
                 openssl rand -hex {least} makes one"
            )),
            _ => Ok(algorithms),
        }
    }
}

/// RFC 7518, section 3.2: no secret is shorter than the hash.
fn secret_size(algorithm: Algorithm) -> usize {
    match algorithm {
        HS256 => 32,
        HS384 => 48,
        HS512 => 64,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_the_algorithms_of_its_kind() {
        let all =
            [HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA];
        for (kind, own) in [
            (Kind::Secret(64), &all[..3]),
            (Kind::Rsa, &all[3..9]),
            (Kind::P256, &all[9..10]),
            (Kind::P384, &all[10..11]),
            (Kind::Ed25519, &all[11..]),
        ] {
            assert_eq!(kind.algorithms(None), Ok(vec![own[0]]));
            for algorithm in all {
                let taken = kind.algorithms(Some(&[algorithm])).is_ok();
                assert_eq!(taken, own.contains(&algorithm), "{kind:?} {algorithm:?}");
            }
            assert_eq!(kind.algorithms(Some(own)), Ok(own.to_vec()));
        }
        let error = Kind::P256.algorithms(Some(&[ES256, HS256])).unwrap_err();
        assert_eq!(error, "a key of this kind is not for HS256, but for [ES256]");
    }

    #[test]
    fn a_secret_is_no_shorter_than_the_hash() {
        for (algorithm, size) in [(HS256, 32), (HS384, 48), (HS512, 64)] {
            assert!(Kind::Secret(size).algorithms(Some(&[algorithm])).is_ok());
            assert!(Kind::Secret(size - 1).algorithms(Some(&[algorithm])).is_err());
        }
        let error = Kind::Secret(6).algorithms(None).unwrap_err();
        let text =
            "the secret has 6 bytes, and [HS256] needs 32 or more; openssl rand -hex 32 makes one";
        assert_eq!(error, text);
    }
}

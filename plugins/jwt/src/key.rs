//! A key that signatures are checked with, and what it is for.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};

use crate::algorithm::Kind;
use crate::settings::KeySetting;

pub(crate) struct Key {
    /// `None`: for tokens of any key id.
    id: Option<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) decoding: DecodingKey,
}

/// The least that is safe, and that signatures are checked for.
const RSA_BITS: usize = 2048;

impl Key {
    pub(crate) fn is_for(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        let other_id = matches!((&self.id, id), (Some(ours), Some(theirs)) if ours != theirs);
        !other_id && self.algorithms.contains(&algorithm)
    }

    pub(crate) fn secret(secret: &[u8], setting: &KeySetting) -> Result<Key, String> {
        let decoding = if setting.base64 {
            let text = str::from_utf8(secret).unwrap_or_default();
            DecodingKey::from_base64_secret(text)
                .map_err(|_| "the secret is not written in base64".to_owned())?
        } else {
            DecodingKey::from_secret(secret)
        };
        Key::new(decoding, setting.id.clone(), setting.algorithms.as_deref())
    }

    /// The text of a PEM file. A private key is refused: whoever reads it could sign.
    pub(crate) fn pem(text: &[u8], setting: &KeySetting) -> Result<Key, String> {
        let shown = String::from_utf8_lossy(text);
        if shown.contains("PRIVATE KEY-----") {
            return Err("this is a private key, which belongs to the issuer alone; \
                        openssl pkey -in FILE -pubout shows its public key"
                .to_owned());
        }
        if !shown.contains("PUBLIC KEY-----") {
            return Err("expected a public key that begins with -----BEGIN PUBLIC KEY-----; of a \
                        certificate, openssl x509 -in FILE -noout -pubkey shows it"
                .to_owned());
        }
        let decoding = DecodingKey::from_rsa_pem(text)
            .or_else(|_| DecodingKey::from_ec_pem(text))
            .or_else(|_| DecodingKey::from_ed_pem(text))
            .map_err(|_| "this is no public key of RSA, P-256, P-384 or Ed25519".to_owned())?;
        Key::new(decoding, setting.id.clone(), setting.algorithms.as_deref())
    }

    /// A key of a JWKS. `None`: it is not for signatures that can be checked, and others may be.
    pub(crate) fn jwk(jwk: &Jwk, setting: &KeySetting) -> Option<Result<Key, String>> {
        let curve = match &jwk.algorithm {
            AlgorithmParameters::EllipticCurve(key) => Some(&key.curve),
            _ => None,
        };
        if matches!(curve, Some(EllipticCurve::P521 | EllipticCurve::Ed25519)) {
            return None;
        }
        let own = match jwk.common.key_algorithm {
            Some(algorithm) => Some(Algorithm::try_from(algorithm).ok()?),
            None => None,
        };
        let decoding = match DecodingKey::from_jwk(jwk) {
            Ok(decoding) => decoding,
            Err(_) if matches!(jwk.algorithm, AlgorithmParameters::Other(_)) => return None,
            Err(_) => return Some(Err("its parameters are not written in base64url".to_owned())),
        };
        let wanted = match (own, setting.algorithms.as_deref()) {
            (Some(own), Some(allowed)) if !allowed.contains(&own) => return None,
            (Some(own), _) => Some(vec![own]),
            (None, allowed) => allowed.map(<[Algorithm]>::to_vec),
        };
        Some(Key::new(decoding, jwk.common.key_id.clone(), wanted.as_deref()))
    }

    fn new(
        decoding: DecodingKey,
        id: Option<String>,
        wanted: Option<&[Algorithm]>,
    ) -> Result<Key, String> {
        let algorithms = kind(&decoding)?.algorithms(wanted)?;
        Ok(Key { id, algorithms, decoding })
    }
}

/// What it is, by its size where there are several.
fn kind(key: &DecodingKey) -> Result<Kind, String> {
    let bytes = match key.kind() {
        DecodingKeyKind::SecretOrDer(bytes) => bytes.len(),
        // The exponent is small, and the numbers around the modulus are too.
        DecodingKeyKind::RsaModulusExponent { n, .. } => n.len(),
    };
    match (key.family(), bytes) {
        (AlgorithmFamily::Hmac, size) => Ok(Kind::Secret(size)),
        (AlgorithmFamily::Rsa, size) if size >= RSA_BITS / 8 => Ok(Kind::Rsa),
        (AlgorithmFamily::Rsa, _) => Err(format!("RSA keys have {RSA_BITS} bits or more")),
        (AlgorithmFamily::Ec, 65) => Ok(Kind::P256),
        (AlgorithmFamily::Ec, 97) => Ok(Kind::P384),
        (AlgorithmFamily::Ed, 32) => Ok(Kind::Ed25519),
        (AlgorithmFamily::Ec | AlgorithmFamily::Ed, _) => {
            Err("only the curves P-256, P-384 and Ed25519 are known".to_owned())
        }
    }
}

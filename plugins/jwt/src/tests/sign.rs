//! Makes tokens, as an issuer does. The keys in `keys/` are for this alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};

/// Long enough for every algorithm.
pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(super) struct Signer {
    header: Value,
    sign: Box<Sign>,
}

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

impl Signer {
    /// With the key that it is for.
    pub(super) fn new(algorithm: &str) -> Signer {
        match algorithm {
            "HS256" => Signer::hs256(),
            "HS384" => Signer::hmac(algorithm, hmac::HMAC_SHA384, SECRET.as_bytes()),
            "HS512" => Signer::hmac(algorithm, hmac::HMAC_SHA512, SECRET.as_bytes()),
            "RS256" => Signer::rsa(algorithm, &RSA_PKCS1_SHA256),
            "RS384" => Signer::rsa(algorithm, &RSA_PKCS1_SHA384),
            "RS512" => Signer::rsa(algorithm, &RSA_PKCS1_SHA512),
            "PS256" => Signer::rsa(algorithm, &RSA_PSS_SHA256),
            "PS384" => Signer::rsa(algorithm, &RSA_PSS_SHA384),
            "PS512" => Signer::rsa(algorithm, &RSA_PSS_SHA512),
            "ES256" | "ES384" => Signer::ecdsa(algorithm),
            "EdDSA" => {
                let der = include_bytes!("keys/ed25519.pk8");
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).unwrap();
                Signer::by(algorithm, move |text| key.sign(text).as_ref().to_vec())
            }
            _ => panic!("{algorithm}"),
        }
    }

    pub(super) fn hs256() -> Signer {
        Signer::hmac("HS256", hmac::HMAC_SHA256, SECRET.as_bytes())
    }

    pub(super) fn hmac(name: &str, algorithm: hmac::Algorithm, secret: &[u8]) -> Signer {
        let key = hmac::Key::new(algorithm, secret);
        Signer::by(name, move |text| hmac::sign(&key, text).as_ref().to_vec())
    }

    fn rsa(name: &str, encoding: &'static dyn RsaEncoding) -> Signer {
        let key = RsaKeyPair::from_pkcs8(include_bytes!("keys/rsa.pk8")).unwrap();
        Signer::by(name, move |text| {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(encoding, &SystemRandom::new(), text, &mut signature).unwrap();
            signature
        })
    }

    fn ecdsa(name: &str) -> Signer {
        let random = SystemRandom::new();
        let key = match name {
            "ES256" => EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                include_bytes!("keys/p256.pk8"),
                &random,
            ),
            _ => EcdsaKeyPair::from_pkcs8(
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                include_bytes!("keys/p384.pk8"),
                &random,
            ),
        };
        let key = key.unwrap();
        Signer::by(name, move |text| {
            key.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec()
        })
    }

    /// What the header says of the algorithm, and what is done.
    pub(super) fn by(name: &str, sign: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Signer {
        Signer { header: json!({ "typ": "JWT", "alg": name }), sign: Box::new(sign) }
    }

    /// Says more in the header, or something else.
    pub(super) fn with(mut self, name: &str, value: Value) -> Signer {
        self.header[name] = value;
        self
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        let [header, claims] =
            [&self.header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode((self.sign)(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

//! Which signatures are good, and by which key.

use std::fs;
use std::path::PathBuf;

use plugin_abi::Verdict;
use plugin_abi::testing::Answer;
use ring::hmac;
use serde_json::{Value, json};

use super::sign::{SECRET, Signer};
use super::{Instance, Jwt, WRONG, connect, for_an_hour, start, start_with, token};
use crate::checks::Checks;
use crate::keys::Keys;
use crate::refused::Refused;
use crate::settings::Settings;
use crate::token::verify;

fn key(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tests/keys").join(name)
}

/// All algorithms of the key, and what makes it.
fn all_keys() -> [(Value, &'static [&'static str]); 6] {
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].as_slice();
    [
        (json!({ "secret": SECRET }), &["HS256", "HS384", "HS512"]),
        (json!({ "public_key_file": key("rsa.pem") }), rsa),
        (json!({ "public_key_file": key("rsa-pkcs1.pem") }), rsa),
        (json!({ "public_key_file": key("p256.pem") }), &["ES256"]),
        (json!({ "public_key_file": key("p384.pem") }), &["ES384"]),
        (json!({ "public_key_file": key("ed25519.pem") }), &["EdDSA"]),
    ]
}

fn start_by(key: &Value) -> Instance<Jwt> {
    start(json!({ "keys": [key], "rights": { "if_absent": "allow" } }))
}

#[test]
fn every_algorithm_is_for_its_key_alone() {
    for (key, own) in all_keys() {
        for allowed in own {
            let mut key = key.clone();
            key["algorithms"] = json!(allowed);
            let plugin = start_by(&key);
            for (_, others) in all_keys() {
                for algorithm in others {
                    let token = Signer::new(algorithm).token(&for_an_hour(json!({})));
                    let answer = plugin.on_before_connect(&connect(token));
                    let expected = if algorithm == allowed { Verdict::Continue } else { WRONG };
                    assert_eq!(answer, expected, "{algorithm} {key}");
                }
            }
        }
    }
}

#[test]
fn a_changed_token_is_refused() {
    for (key, own) in all_keys() {
        let plugin = start_by(&key);
        let good = Signer::new(own[0]).token(&for_an_hour(json!({ "pub": ["a"] })));
        assert_eq!(plugin.on_before_connect(&connect(&good)), Answer::Continue);
        let other = Signer::new(own[0]).token(&for_an_hour(json!({ "pub": ["b"] })));
        let parts: Vec<&str> = good.split('.').collect();
        let others: Vec<&str> = other.split('.').collect();
        for token in [
            format!("{}.{}.{}", parts[0], others[1], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], others[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{good}A"),
            format!("{good}="),
            format!("{good}."),
            format!(" {good}"),
            format!(".{good}"),
            parts[1].to_owned(),
            format!("{}.{}.{}", parts[0], parts[1], parts[2].split_at(20).0),
        ] {
            assert_eq!(plugin.on_before_connect(&connect(&token)), WRONG, "{token}");
        }
    }
}

#[test]
fn no_algorithm_is_none() {
    for name in ["none", "None", "NONE", "nOnE", "", "HS1", "hs256"] {
        for (key, _) in all_keys() {
            let plugin = start_by(&key);
            let token = Signer::by(name, |_| Vec::new()).token(&for_an_hour(json!({})));
            assert_eq!(plugin.on_before_connect(&connect(&token)), WRONG, "{name}");
        }
    }
    let plugin = start_with(json!({}));
    for header in [json!(null), json!(["HS256", "none"]), json!(256)] {
        let token = Signer::hs256().with("alg", header).token(&for_an_hour(json!({})));
        assert_eq!(plugin.on_before_connect(&connect(&token)), WRONG);
    }
}

/// Who has the public key signs with it as a secret, in all ways that somebody may have in memory.
#[test]
fn a_public_key_is_no_secret() {
    for name in ["rsa.pem", "rsa-pkcs1.pem", "p256.pem", "p384.pem", "ed25519.pem"] {
        let plugin = start_by(&json!({ "public_key_file": key(name) }));
        let text = fs::read(key(name)).unwrap();
        let lines: Vec<&str> = str::from_utf8(&text).unwrap().lines().collect();
        let body = lines[1..lines.len() - 1].concat();
        let der =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &body).unwrap();
        let ends = [12, 24, 26].map(|start| der.get(start..).unwrap_or_default().to_vec());
        let secrets = [text.clone(), text.trim_ascii().to_vec(), body.into(), der].into_iter();
        for secret in secrets.chain(ends) {
            for (name, algorithm) in [
                ("HS256", hmac::HMAC_SHA256),
                ("HS384", hmac::HMAC_SHA384),
                ("HS512", hmac::HMAC_SHA512),
            ] {
                let token = Signer::hmac(name, algorithm, &secret).token(&for_an_hour(json!({})));
                assert_eq!(plugin.on_before_connect(&connect(token)), WRONG);
            }
        }
    }
}

#[test]
fn a_key_in_the_token_is_not_taken() {
    let plugin = start_with(json!({}));
    let jwk = json!({ "kty": "oct", "k": "b3RoZXI", "alg": "HS256" });
    let other = Signer::hmac("HS256", hmac::HMAC_SHA256, b"other").with("jwk", jwk);
    assert_eq!(plugin.on_before_connect(&connect(other.token(&for_an_hour(json!({}))))), WRONG);
}

#[test]
fn extensions_that_must_be_understood_are_refused() {
    let plugin = start_with(json!({}));
    for critical in [json!(["exp"]), json!([])] {
        let signer = Signer::hs256().with("crit", critical);
        assert_eq!(
            plugin.on_before_connect(&connect(signer.token(&for_an_hour(json!({}))))),
            WRONG
        );
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let plugin = start_with(json!({}));
    let long = "a.".repeat(30_000);
    for text in
        [&b"secret"[..], b".", b"..", b"a.b.c", b"\xFF.\0.\xFF", b"e30.e30.e30", long.as_bytes()]
    {
        assert_eq!(plugin.on_before_connect(&connect(text)), WRONG);
    }
    let not_an_object = Signer::hs256().token(&json!(["exp"]));
    assert_eq!(plugin.on_before_connect(&connect(not_an_object)), WRONG);
}

#[test]
fn several_keys_are_told_by_their_ids() {
    let other = "f".repeat(64);
    let keys = json!([{ "secret": SECRET, "id": "one" }, { "secret": other, "id": "two" }]);
    let plugin = start(json!({ "keys": keys, "rights": { "if_absent": "allow" } }));
    let claims = for_an_hour(json!({}));
    let sign = |secret: &str| Signer::hmac("HS256", hmac::HMAC_SHA256, secret.as_bytes());
    let ask = |signer: Signer| plugin.on_before_connect(&connect(signer.token(&claims)));
    for secret in [SECRET, &other] {
        assert_eq!(ask(sign(secret)), Answer::Continue, "it may be any");
    }
    assert_eq!(ask(sign(SECRET).with("kid", json!("one"))), Answer::Continue);
    assert_eq!(ask(sign(SECRET).with("kid", json!("two"))), WRONG);
    assert_eq!(ask(sign(&other).with("kid", json!("two"))), Answer::Continue);
    assert_eq!(ask(sign(&other).with("kid", json!("three"))), WRONG);
}

#[test]
fn a_secret_may_be_in_base64_and_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SECRET);
    for (contents, base64) in [
        (format!("{SECRET}\n"), false),
        (format!("{SECRET}\r\nand a remark\n"), false),
        (SECRET.to_owned(), false),
        (format!("{base64}\n"), true),
    ] {
        fs::write(&file, contents).unwrap();
        let plugin = start_by(&json!({ "secret_file": file, "base64": base64 }));
        assert_eq!(plugin.on_before_connect(&connect(token(json!({})))), Answer::Continue);
    }
}

/// The examples of RFC 7515, appendix A.1 to A.3.
#[test]
fn tokens_of_the_standard_are_good() {
    let rsa_modulus = concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ",
        "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2",
        "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD",
        "TW9gb54h4FRWyuXpoQ"
    );
    let set = json!({ "keys": [
        {
            "kty": "oct",
            "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        },
        { "kty": "RSA", "n": rsa_modulus, "e": "AQAB" },
        {
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
    ] });
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("set"), set.to_string()).unwrap();
    let config = json!({ "keys": [{ "jwks_file": "set" }], "issuer": "joe" });
    let settings: Settings = serde_json::from_value(config).unwrap();
    crate::crypto::install();
    let keys = Keys::open(&settings.keys, dir.path()).unwrap();
    let checks = Checks::new(&settings).unwrap();
    for (header, signature) in [
        ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        (
            "eyJhbGciOiJSUzI1NiJ9",
            concat!(
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb",
                "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383",
                "LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy",
                "wlVmtVrBp0igcN_IoypGlUPQGe77Rw"
            ),
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ] {
        let claims = verify(format!("{header}.{claims}.{signature}").as_bytes(), &keys);
        let claims = claims.unwrap();
        assert_eq!(checks.origin(&claims), Ok(()));
        assert_eq!(claims["http://example.com/is_root"], json!(true));
        assert_eq!(checks.times(&claims, 1_300_819_379), Ok(Some(1_300_819_410)));
        assert_eq!(checks.times(&claims, 1_300_819_410), Err(Refused::Expired));
    }
}

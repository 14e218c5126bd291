//! Configs, good and bad, and key files that change.

use std::fs;

use plugin_abi::testing::{self, Answer, Host};
use ring::hmac;
use serde_json::{Value, json};

use super::sign::{SECRET, Signer};
use super::{Jwt, WRONG, connect, for_an_hour, start};

fn error(config: Value) -> String {
    let error = testing::start::<Jwt>(&Host::new(), config).unwrap_err().to_string();
    error.strip_prefix("it refused to start: ").unwrap().to_owned()
}

#[test]
fn mistakes_in_the_config_are_named() {
    let one_of =
        "expected one of secret:, secret_file:, public_key_file: and jwks_file:, and no two";
    let keys = json!([{ "secret": SECRET }]);
    for (config, why) in [
        (json!({}), "missing field `keys`"),
        (json!({ "keys": [] }), "`keys`: there is none, so that no token is good"),
        (json!({ "keys": [{}] }), &format!("`keys[0]`: {one_of}")),
        (
            json!({ "keys": [{ "secret": SECRET }, { "secret": SECRET, "jwks_file": "x" }] }),
            &format!("`keys[1]`: {one_of}"),
        ),
        (
            json!({ "keys": [{ "secret": "short" }] }),
            "`keys[0]`: the secret has 5 bytes, and [HS256] needs 32 or more; openssl rand -hex 32 makes one",
        ),
        (
            json!({ "keys": [{ "secret": SECRET, "algorithms": "RS256" }] }),
            "`keys[0]`: a key of this kind is not for RS256, but for [HS256, HS384, HS512]",
        ),
        (
            json!({ "keys": [{ "secret": "ü".repeat(32), "base64": true }] }),
            "`keys[0]`: the secret is not written in base64",
        ),
        (
            json!({ "keys": [{ "public_key_file": "x", "base64": true }] }),
            "`keys[0]`: base64: is for a secret",
        ),
        (
            json!({ "keys": [{ "jwks_file": "x", "id": "a" }] }),
            "`keys[0]`: id: is not for a set, whose keys have their own",
        ),
        (
            json!({ "keys": [{ "jwks_file": "/no/where" }] }),
            "`keys[0]`: /no/where: cannot be read: No such file or directory (os error 2)",
        ),
        (json!({ "keys": keys, "leeway": "2d" }), "`leeway`: at most 24h"),
        (
            json!({ "keys": keys, "claims": { "sub": "%x" } }),
            "`claims.sub`: \"%x\": behind % stands c, u or, for a % itself, another %",
        ),
    ] {
        assert_eq!(error(config), why);
    }
    for (config, key) in [
        (json!({ "keys": [{ "secret": SECRET, "algorithms": "none" }] }), "`keys[0].algorithms"),
        (json!({ "keys": [{ "secrets": SECRET }] }), "`keys[0].secrets`: unknown field `secrets`"),
        (json!({ "keys": keys, "leeway": "30" }), "`leeway`: \"30\": a time is written as"),
        (json!({ "keys": keys, "token": "cookie" }), "`token`: unknown variant `cookie`"),
        (json!({ "keys": keys, "rights": { "pub": "x" } }), "`rights.pub`: unknown field `pub`"),
        (json!({ "keys": keys, "issuers": "x" }), "`issuers`: unknown field `issuers`"),
    ] {
        let error = error(config);
        assert!(error.starts_with(key), "{error}");
    }
}

#[test]
fn mistakes_in_key_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys");
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n";
    let short = json!({ "keys": [{ "kty": "RSA", "kid": "a", "n": "ofgW", "e": "AQAB" }] });
    let none = json!({ "keys": [
        { "kty": "RSA", "use": "enc", "n": "ofgW", "e": "AQAB" },
        { "kty": "EC", "crv": "P-521", "x": "ofgW", "y": "AQAB" },
        { "kty": "new" },
    ] });
    for (kind, contents, why) in [
        ("secret_file", "short\n", ": the secret has 5 bytes"),
        ("public_key_file", private, ": this is a private key, which belongs to the issuer alone"),
        ("public_key_file", "rubbish", ": expected a public key that begins with -----BEGIN"),
        (
            "public_key_file",
            "-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----\n",
            ": this is no public key of RSA, P-256, P-384 or Ed25519",
        ),
        ("jwks_file", "{\n\n]", ":3: key must be a string at line 3"),
        ("jwks_file", "[]", ": expected a set of keys: {"),
        (
            "jwks_file",
            &short.to_string(),
            ": key 0 (a) of the set: RSA keys have 2048 bits or more",
        ),
        ("jwks_file", &none.to_string(), ": no key of the set is for signatures that are known"),
    ] {
        fs::write(&file, contents).unwrap();
        let error = error(json!({ "keys": [{ kind: file }] }));
        let start = format!("`keys[0]`: {}{why}", file.display());
        assert!(error.starts_with(&start), "{error}\n{start}");
    }
}

#[test]
fn a_key_file_that_has_changed_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let replace = |secret: &str| {
        fs::write(dir.path().join("new"), secret).unwrap();
        fs::rename(dir.path().join("new"), &file).unwrap();
    };
    replace(SECRET);
    let config = json!({ "keys": [{ "secret_file": file }], "rights": { "if_absent": "allow" } });
    let plugin = start(config);
    let other = "f".repeat(64);
    let [old, new] = [SECRET, &other].map(|secret| {
        let signer = Signer::hmac("HS256", hmac::HMAC_SHA256, secret.as_bytes());
        connect(signer.token(&for_an_hour(json!({}))))
    });
    assert_eq!(plugin.on_before_connect(&old), Answer::Continue);
    assert_eq!(plugin.on_before_connect(&new), WRONG);
    replace(&other);
    while plugin.on_before_connect(&new) != Answer::Continue {
        std::thread::yield_now();
    }
    assert_eq!(plugin.on_before_connect(&old), WRONG);
    replace("short");
    let bad = format!("{}: the keys of before stay", file.display());
    testing::wait_for_thread_log(|log| log.text == bad);
    assert_eq!(plugin.on_before_connect(&new), Answer::Continue);
}

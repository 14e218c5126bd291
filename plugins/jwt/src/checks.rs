//! What has to hold for the claims of a token, besides its signature.

use plugin_config::OneOrMore;
use serde_json::Value;

use crate::names::Names;
use crate::refused::Refused;
use crate::settings::Settings;
use crate::token::Claims;

pub(crate) struct Checks {
    /// `None`: any.
    issuer: Option<OneOrMore<String>>,
    /// `None`: nobody, so that a token may have no audience.
    audience: Option<OneOrMore<String>>,
    leeway: u64,
    require_expiry: bool,
    /// Claims and their values, with `%c` and `%u`.
    expected: Vec<(String, Value)>,
}

/// Clocks that are further apart are wrong. In seconds.
const DAY: u64 = 86_400;

impl Checks {
    /// # Errors
    ///
    /// The leeway is too long, or a claim cannot be expected to be so.
    pub(crate) fn new(settings: &Settings) -> Result<Checks, String> {
        let leeway = settings.leeway.0.as_secs();
        if leeway > DAY {
            return Err("`leeway`: at most 24h".to_owned());
        }
        for (name, value) in &settings.claims {
            check_expected(name, value)?;
        }
        Ok(Checks {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            leeway,
            require_expiry: settings.require_expiry,
            expected: settings.claims.clone().into_iter().collect(),
        })
    }

    /// Who has made the token, and for whom. RFC 7519, section 4.1.3: who is not among those that it is
    /// for refuses it.
    pub(crate) fn origin(&self, claims: &Claims) -> Result<(), Refused> {
        let is_one_of = |value: &Value, allowed: &OneOrMore<String>| {
            value.as_str().is_some_and(|text| allowed.iter().any(|one| one == text))
        };
        let issuer = claims.get("iss");
        if let Some(allowed) = &self.issuer
            && !issuer.is_some_and(|issuer| is_one_of(issuer, allowed))
        {
            return Err(Refused::Claim("iss".to_owned()));
        }
        let is_for_us = match (claims.get("aud"), &self.audience) {
            (None, audience) => audience.is_none(),
            (Some(_), None) => false,
            (Some(Value::Array(all)), Some(us)) => all.iter().any(|one| is_one_of(one, us)),
            (Some(one), Some(us)) => is_one_of(one, us),
        };
        if is_for_us { Ok(()) } else { Err(Refused::Claim("aud".to_owned())) }
    }

    /// When the token is over, with the leeway.
    pub(crate) fn times(&self, claims: &Claims, now: u64) -> Result<Option<u64>, Refused> {
        if let Some(begin) = time(claims, "nbf")?
            && begin > now.saturating_add(self.leeway)
        {
            return Err(Refused::NotYet);
        }
        match time(claims, "exp")? {
            None if self.require_expiry => Err(Refused::Claim("exp".to_owned())),
            None => Ok(None),
            Some(end) => {
                let end = end.saturating_add(self.leeway);
                if now >= end { Err(Refused::Expired) } else { Ok(Some(end)) }
            }
        }
    }

    /// Whether all claims are as they have to be for a client of these names.
    pub(crate) fn expected(&self, claims: &Claims, names: Names<'_>) -> Result<(), Refused> {
        let differs =
            |(name, expected): &&(String, Value)| !is(claim(claims, name), expected, names);
        match self.expected.iter().find(differs) {
            None => Ok(()),
            Some((name, _)) => Err(Refused::Claim(name.clone())),
        }
    }
}

/// The claim of this name; if it begins with `/`, by the path of a JSON pointer.
pub(crate) fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    let Some(path) = name.strip_prefix('/') else { return claims.get(name) };
    let (first, rest) = match path.split_once('/') {
        Some((first, rest)) => (first, format!("/{rest}")),
        None => (path, String::new()),
    };
    claims.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(&rest)
}

/// Whether the claim, or an item of its list, is the value.
fn is(claim: Option<&Value>, expected: &Value, names: Names<'_>) -> bool {
    let expected = match expected {
        Value::String(text) => match names.put_into(text, |_, _| true) {
            Some(text) => Value::String(text),
            None => return false,
        },
        other => other.clone(),
    };
    match claim {
        Some(Value::Array(items)) => items.contains(&expected),
        Some(claim) => *claim == expected,
        None => false,
    }
}

fn check_expected(name: &str, value: &Value) -> Result<(), String> {
    let anybody = Names { client_id: "c", username: Some("u") };
    match value {
        Value::String(text) if anybody.put_into(text, |_, _| true).is_none() => Err(format!(
            "`claims.{name}`: {text:?}: behind % stands c, u or, for a % itself, another %"
        )),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(()),
        _ => Err(format!("`claims.{name}`: expected a text, a number, true or false")),
    }
}

/// Seconds since 1970, of a number that may have a fraction.
fn time(claims: &Claims, name: &str) -> Result<Option<u64>, Refused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let whole = value.as_u64();
    // Rounds down, and what is too large to the largest.
    let fraction = || value.as_f64().filter(|time| *time >= 0.0).map(|time| time as u64);
    let time = whole.or_else(fraction).ok_or_else(|| Refused::Claim(name.to_owned()))?;
    Ok(Some(time))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checks(config: Value) -> Result<Checks, String> {
        Checks::new(&serde_json::from_value(config).unwrap())
    }

    fn claims(value: Value) -> Claims {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_token_is_good_from_nbf_until_exp() {
        let strict = checks(json!({ "keys": [], "leeway": "0s" })).unwrap();
        let times = |value, now| strict.times(&claims(value), now);
        let hundred = json!({ "nbf": 50, "exp": 100.9 });
        assert_eq!(times(hundred.clone(), 49), Err(Refused::NotYet));
        assert_eq!(times(hundred.clone(), 50), Ok(Some(100)));
        assert_eq!(times(hundred.clone(), 99), Ok(Some(100)));
        assert_eq!(times(hundred.clone(), 100), Err(Refused::Expired));
        assert_eq!(times(json!({ "exp": 1e300 }), 100), Ok(Some(u64::MAX)));
        for value in
            [json!({}), json!({ "exp": null }), json!({ "exp": "100" }), json!({ "exp": -1 })]
        {
            assert_eq!(times(value, 50), Err(Refused::Claim("exp".to_owned())));
        }
        let bad = json!({ "exp": 100, "nbf": "50" });
        assert_eq!(times(bad, 60), Err(Refused::Claim("nbf".to_owned())));

        let loose = checks(json!({ "keys": [], "leeway": "10s" })).unwrap();
        let times = |now| loose.times(&claims(hundred.clone()), now);
        assert_eq!(times(39), Err(Refused::NotYet));
        assert_eq!(times(40), Ok(Some(110)));
        assert_eq!(times(110), Err(Refused::Expired));

        let eternal = checks(json!({ "keys": [], "require_expiry": false })).unwrap();
        assert_eq!(eternal.times(&claims(json!({})), 50), Ok(None));
        assert_eq!(eternal.times(&claims(json!({ "exp": 1 })), 50), Err(Refused::Expired));
    }

    #[test]
    fn claims_are_what_the_config_expects() {
        let expected = json!({
            "sub": "%u", "device": "d-%c", "level": 3, "admin": false, "groups": "mqtt",
            "/app/roles": "%%c", "https://example.com/x": "y",
        });
        let checks = checks(json!({ "keys": [], "claims": expected })).unwrap();
        let names = Names { client_id: "7", username: Some("bob") };
        let good = json!({
            "sub": "bob", "device": "d-7", "level": 3, "admin": false, "groups": ["a", "mqtt"],
            "app": { "roles": ["%c"] }, "https://example.com/x": "y",
        });
        assert_eq!(checks.expected(&claims(good.clone()), names), Ok(()));
        for (name, value) in [
            ("sub", json!("alice")),
            ("sub", json!(["alice"])),
            ("sub", Value::Null),
            ("device", json!("d-%c")),
            ("level", json!("3")),
            ("admin", json!(true)),
            ("groups", json!(["a"])),
            ("groups", json!({ "mqtt": "mqtt" })),
        ] {
            let mut bad = claims(good.clone());
            bad.insert(name.to_owned(), value);
            assert_eq!(checks.expected(&bad, names), Err(Refused::Claim(name.to_owned())));
        }
        let nobody = Names { username: None, ..names };
        let refused = Err(Refused::Claim("sub".to_owned()));
        assert_eq!(checks.expected(&claims(good), nobody), refused);
    }

    #[test]
    fn what_cannot_be_expected_is_named() {
        let error = |value: Value| checks(json!({ "keys": [], "claims": { "a": value } })).err();
        assert!(
            error(json!("%d")).unwrap().starts_with("`claims.a`: \"%d\": behind % stands c, u")
        );
        let text = "`claims.a`: expected a text, a number, true or false";
        for value in [json!(["x"]), json!({}), Value::Null] {
            assert_eq!(error(value).unwrap(), text);
        }
        assert_eq!(error(json!("%c%%")), None);
    }
}

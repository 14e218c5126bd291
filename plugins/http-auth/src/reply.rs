//! What an HTTP response means: a decision, and how long it holds.

use std::time::Duration;

use hyper::{
    StatusCode,
    header::{CACHE_CONTROL, HeaderMap},
};
use plugin_abi::serde::Deserialize;

use crate::outcome::{Decision, Failure};

const NOT_AUTHORIZED: u8 = 0x87;
const QUOTA_EXCEEDED: u8 = 0x97;

/// The body, if it is JSON. Other keys are the service's own affair.
#[derive(Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", default)]
struct Body {
    result: Option<Answer>,
    code: Option<u8>,
    reason: String,
    throttle_ms: u64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(crate = "plugin_abi::serde", rename_all = "lowercase")]
enum Answer {
    Allow,
    /// Nothing against it.
    Ignore,
    Deny,
}

/// What the service has decided.
pub(crate) fn decision(status: StatusCode, body: &[u8]) -> Result<Decision, Failure> {
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => Some(QUOTA_EXCEEDED),
        // It is about this request: another may be allowed, and so the service has not failed.
        status if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
            Some(NOT_AUTHORIZED)
        }
        status if status.is_success() => None,
        status => return Err(Failure::Nonsense(format!("status {status}"))),
    };
    let body = match (parse(body), code) {
        (Ok(body), _) => body,
        // The status says it all; words for people may stand behind it.
        (Err(_), Some(_)) => Body::default(),
        (Err(why), None) => return Err(Failure::Nonsense(why)),
    };
    match (code, body.result) {
        (None, None | Some(Answer::Allow | Answer::Ignore)) => {
            let throttle = Duration::from_millis(body.throttle_ms);
            Ok(Decision::Allow { throttle: (!throttle.is_zero()).then_some(throttle) })
        }
        (Some(_), Some(Answer::Allow | Answer::Ignore)) => {
            Err(Failure::Nonsense(format!("status {status}, and a body that allows it")))
        }
        (code, _) => {
            let code = body.code.or(code).unwrap_or(NOT_AUTHORIZED);
            if !(0x80..=0xA2).contains(&code) {
                return Err(Failure::Nonsense(format!("code {code}, which refuses nothing")));
            }
            Ok(Decision::Deny { code, reason: body.reason })
        }
    }
}

/// Nothing at all allows what the status does.
fn parse(body: &[u8]) -> Result<Body, String> {
    if body.trim_ascii().is_empty() {
        return Ok(Body::default());
    }
    let body: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| error.to_string())?;
    // Else a list would pass for one.
    if !body.is_object() {
        return Err("JSON, and no object".to_owned());
    }
    serde_json::from_value(body).map_err(|error| error.to_string())
}

/// How long the answer may be kept; `default` if it does not say.
pub(crate) fn max_age(headers: &HeaderMap, default: Duration) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = values.flat_map(|value| value.split(',')).map(str::trim);
    let mut age = default;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Duration::ZERO,
            "max-age" => {
                let seconds = value.trim_matches('"').parse();
                age = seconds.map_or(Duration::ZERO, Duration::from_secs);
            }
            _ => {}
        }
    }
    age
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(status: u16, body: &str) -> Result<Decision, Failure> {
        decision(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    fn deny(code: u8, reason: &str) -> Result<Decision, Failure> {
        Ok(Decision::Deny { code, reason: reason.into() })
    }

    #[test]
    fn status_and_body_decide() {
        let allow = Ok(Decision::Allow { throttle: None });
        for (status, body) in [
            (200, ""),
            (204, " "),
            (200, "{}"),
            (200, r#"{"result":"allow"}"#),
            (200, r#"{"result":"ignore","x":1}"#),
        ] {
            assert_eq!(decided(status, body), allow, "{status} {body}");
        }
        let throttle = Some(Duration::from_millis(250));
        assert_eq!(decided(200, r#"{"throttle_ms":250}"#), Ok(Decision::Allow { throttle }));
        assert_eq!(decided(200, r#"{"result":"deny"}"#), deny(0x87, ""));
        let told = r#"{"result":"deny","code":151,"reason":"enough"}"#;
        assert_eq!(decided(200, told), deny(0x97, "enough"));
        assert_eq!(decided(403, ""), deny(0x87, ""));
        assert_eq!(decided(401, "<html>no</html>"), deny(0x87, ""));
        assert_eq!(decided(401, r#"{"code":134,"reason":"who?"}"#), deny(0x86, "who?"));
        assert_eq!(decided(429, ""), deny(0x97, ""));
        for status in [400, 404, 413, 422] {
            assert_eq!(decided(status, "<html>what?</html>"), deny(0x87, ""), "{status}");
        }
        assert_eq!(decided(422, r#"{"code":144,"reason":"no"}"#), deny(0x90, "no"));
    }

    #[test]
    fn what_decides_nothing_is_a_failure() {
        for (status, body) in [
            (500, ""),
            (408, ""),
            (302, ""),
            (200, "yes"),
            (200, "[]"),
            (200, r#"{"result":"maybe"}"#),
            (200, r#"{"result":"deny","code":16}"#),
            (403, r#"{"result":"allow"}"#),
            (404, r#"{"result":"allow"}"#),
        ] {
            let failure = decided(status, body);
            assert!(matches!(failure, Err(Failure::Nonsense(_))), "{status} {body}: {failure:?}");
        }
    }

    #[test]
    fn cache_control_says_how_long() {
        let default = Duration::from_secs(7);
        let age = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, value.parse().unwrap());
            }
            max_age(&headers, default).as_secs()
        };
        assert_eq!(age(&[]), 7);
        assert_eq!(age(&["private"]), 7);
        assert_eq!(age(&["private, max-age=60"]), 60);
        assert_eq!(age(&["private", "Max-Age=\"60\""]), 60);
        assert_eq!(age(&["max-age=60, no-store"]), 0);
        assert_eq!(age(&["no-cache", "max-age=60"]), 0);
        assert_eq!(age(&["max-age=soon"]), 0);
    }
}

//! The plugin's section of `config.yml`, checked.

use std::{collections::HashMap, time::Duration};

use hyper::{
    Method, Uri,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use plugin_abi::serde::{Deserialize, Deserializer, de::Error};

use crate::duration::Span;

/// What each means stands in README.md.
#[derive(Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) connect: Option<Service>,
    pub(crate) publish: Option<Service>,
    pub(crate) subscribe: Option<Service>,
    #[serde(default)]
    pub(crate) method: HttpMethod,
    #[serde(default)]
    pub(crate) headers: Headers,
    #[serde(default = "seconds::<3>")]
    pub(crate) timeout: Span,
    #[serde(default = "number::<64>")]
    pub(crate) max_requests: usize,
    #[serde(default = "number::<1024>")]
    pub(crate) max_waiting: usize,
    #[serde(default = "number::<10_000>")]
    pub(crate) max_cached: usize,
    #[serde(default = "seconds::<0>")]
    pub(crate) cache: Span,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
    #[serde(default)]
    pub(crate) breaker: Breaker,
}

impl Settings {
    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        [&self.connect, &self.publish, &self.subscribe].into_iter().flatten()
    }
}

/// Where to ask.
#[derive(Clone)]
pub(crate) struct Service(pub(crate) Uri);

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let uri: Uri = text.parse().map_err(D::Error::custom)?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            let what = format_args!("{text:?} is no address such as http://127.0.0.1:8080/mqtt");
            return Err(D::Error::custom(what));
        }
        Ok(Service(uri))
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(crate = "plugin_abi::serde")]
pub(crate) enum HttpMethod {
    #[default]
    #[serde(rename = "POST")]
    Post,
    #[serde(rename = "PUT")]
    Put,
}

impl From<HttpMethod> for Method {
    fn from(method: HttpMethod) -> Method {
        match method {
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
        }
    }
}

/// What a failure of the service means for the client.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Deserialize)]
#[serde(crate = "plugin_abi::serde", rename_all = "lowercase")]
pub(crate) enum OnFailure {
    #[default]
    Refuse,
    Allow,
}

/// The headers of every request.
#[derive(Clone)]
pub(crate) struct Headers(pub(crate) HeaderMap);

impl Default for Headers {
    fn default() -> Self {
        let json = HeaderValue::from_static("application/json");
        Headers(HeaderMap::from_iter([(CONTENT_TYPE, json)]))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut headers = Headers::default();
        for (name, value) in HashMap::<String, String>::deserialize(deserializer)? {
            let no_header = |_| D::Error::custom(format_args!("{name:?} is no header"));
            let header = HeaderName::try_from(name.as_str()).map_err(|_| no_header(()))?;
            // Without the value, which may be a secret.
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                D::Error::custom(format_args!("the value of {name:?} cannot stand in a header"))
            })?;
            value.set_sensitive(true);
            headers.0.insert(header, value);
        }
        Ok(headers)
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(crate = "plugin_abi::serde", deny_unknown_fields, default)]
pub(crate) struct Breaker {
    pub(crate) failures: u32,
    pub(crate) pause: Span,
    pub(crate) max_pause: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker { failures: 5, pause: seconds::<1>(), max_pause: seconds::<30>() }
    }
}

fn seconds<const N: u64>() -> Span {
    Span(Duration::from_secs(N))
}

fn number<const N: usize>() -> usize {
    N
}

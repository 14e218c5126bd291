//! Asks the service over connections that stay open. It knows HTTP, and nothing of what is asked.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri, body::Bytes, body::Incoming, header::HeaderMap,
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use plugin_abi::log;

use crate::{
    outcome::{Decision, Failure},
    reply,
    settings::Settings,
};

/// A longer answer is none.
const MAX_BODY: usize = 64 * 1024;

pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    method: Method,
    headers: HeaderMap,
    default_age: Duration,
    /// When a wrong address was last in the log.
    warned: Mutex<Option<Instant>>,
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(settings.max_requests)
            .build(connector);
        Client {
            http,
            method: settings.method.into(),
            headers: settings.headers.0.clone(),
            default_age: settings.cache.0,
            warned: Mutex::new(None),
        }
    }

    /// What the service has decided, and how long that may be kept.
    pub(crate) async fn ask(
        &self,
        service: &Uri,
        body: Bytes,
    ) -> Result<(Decision, Duration), Failure> {
        let response = match self.send(service, body.clone()).await {
            // The service has closed a connection that was kept, perhaps just now: once more.
            Err(error) if !error.is_connect() => self.send(service, body).await,
            answer => answer,
        };
        let response = response.map_err(|error| Failure::Unreachable(in_full(&error)))?;
        let (status, age) =
            (response.status(), reply::max_age(response.headers(), self.default_age));
        if status == StatusCode::NOT_FOUND && self.may_warn() {
            log::warn!("{service}: status {status}, which refuses; is that the right address?");
        }
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| Failure::Unreachable(in_full(&*error)))?.to_bytes();
        Ok((reply::decision(status, &body)?, age))
    }

    /// Not more than once a second.
    fn may_warn(&self) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = warned.is_none_or(|at| at.elapsed() >= Duration::from_secs(1));
        if is_time {
            *warned = Some(Instant::now());
        }
        is_time
    }

    async fn send(&self, service: &Uri, body: Bytes) -> Result<Response<Incoming>, legacy::Error> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = service.clone();
        *request.headers_mut() = self.headers.clone();
        self.http.request(request).await
    }
}

/// An error with those that have led to it.
fn in_full(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

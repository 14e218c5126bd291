//! An HTTP service that says what a test wants, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

/// Far above what anything here takes.
const SILENCE: Duration = Duration::from_secs(30);

/// What the service answers.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// This, when the test lets it.
    Held(u16),
    /// The connection ends without an answer.
    Broken,
}

impl Reply {
    pub(crate) const OK: Reply = Reply::Answer(200, &[], "");
}

/// A request, as it came.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
    /// The number of the connection, from 1, and how many it has brought before.
    pub(crate) connection: (usize, usize),
}

pub(crate) struct HttpService {
    address: SocketAddr,
    asked: Mutex<Receiver<Asked>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<dyn Fn(&Asked) -> Reply + Send + Sync>,
    asked: Sender<Asked>,
    release: Semaphore,
    stop: Notify,
}

impl HttpService {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> HttpService {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        HttpService::on(listener, answer)
    }

    /// On a socket that listens already.
    pub(crate) fn on(
        listener: std::net::TcpListener,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> HttpService {
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (sender, asked) = channel();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            asked: sender,
            release: Semaphore::new(0),
            stop: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let to_serve = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let accept = accept(listener, Arc::clone(&to_serve));
                tokio::pin!(accept);
                let stop = to_serve.stop.notified();
                tokio::pin!(stop);
                std::future::poll_fn(|context| {
                    let stopped = stop.as_mut().poll(context);
                    if stopped.is_ready() { stopped } else { accept.as_mut().poll(context) }
                })
                .await;
            });
        });
        HttpService { address, asked: Mutex::new(asked), shared, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.lock().recv_timeout(SILENCE).unwrap()
    }

    /// How many requests have come that nobody has looked at; they are forgotten.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().try_iter().count()
    }

    /// Lets one go that is held.
    pub(crate) fn release(&self) {
        self.shared.release.add_permits(1);
    }
}

impl Drop for HttpService {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    for connection in 1.. {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let requests = AtomicUsize::new(0);
            let serve = service_fn(|request| {
                let number = (connection, requests.fetch_add(1, Relaxed));
                answer(request, number, Arc::clone(&shared))
            });
            // It fails where the test wants it to break.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    connection: (usize, usize),
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, &'static str> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.map_err(|_| "cut off")?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap();
    let asked = Asked { path, authorization, body, connection };
    let reply = (shared.answer)(&asked);
    // The test may have seen enough.
    let _ = shared.asked.send(asked);
    let (status, headers, body) = match reply {
        Reply::Answer(status, headers, body) => (status, headers, body),
        Reply::Held(status) => {
            shared.release.acquire().await.unwrap().forget();
            (status, &[][..], "")
        }
        Reply::Broken => return Err("as the test wants"),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap())
}

//! Lets an event wait until the service has answered: the cache and the breaker before it, and the thread
//! that asks.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use hyper::{Uri, body::Bytes};
use plugin_abi::{Deciding, Error, Host, Later, Verdict, log};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, Semaphore, mpsc},
    time::Instant,
};

use crate::{
    ask::Ask,
    breaker::{After, Breaker},
    cache::{Cache, Key, Keys},
    client::Client,
    outcome::{Decision, Failure},
    settings::{OnFailure, Service, Settings},
};

/// More than `timeout`, so that it is the plugin that says what a late answer means.
const MARGIN: Duration = Duration::from_secs(2);

const UNAVAILABLE: u8 = 0x88;

pub(crate) struct Gate {
    host: Host,
    timeout: Duration,
    keys: Keys,
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    client: Client,
    cache: Mutex<Cache>,
    breaker: Mutex<Breaker>,
    on_failure: OnFailure,
    closing: Notify,
}

/// A question on its way.
struct Job {
    service: Uri,
    body: Bytes,
    key: Key,
    deadline: Instant,
    later: Later,
}

impl Gate {
    pub(crate) fn start(host: Host, settings: &Settings) -> Result<Gate, Error> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (jobs, waiting) = mpsc::channel(settings.max_waiting.max(1));
        let shared = Arc::new(Shared {
            client: Client::new(settings),
            cache: Mutex::new(Cache::new(settings.max_cached)),
            breaker: Mutex::new(Breaker::new(settings.breaker)),
            on_failure: settings.on_failure,
            closing: Notify::new(),
        });
        let (to_serve, at_once) = (Arc::clone(&shared), settings.max_requests.max(1));
        let thread = thread::Builder::new()
            .name("http-auth".to_owned())
            .spawn(move || serve(&runtime, waiting, &to_serve, at_once))?;
        let (timeout, keys, thread) = (settings.timeout.0, Keys::new(), Mutex::new(Some(thread)));
        Ok(Gate { host, timeout, keys, jobs, shared, thread })
    }

    /// What is known already, or the answer comes later.
    pub(crate) fn pass(&self, event: &impl Deciding, service: &Service, ask: Ask) -> Verdict {
        let key = self.keys.of(&ask);
        if let Some(decision) = lock(&self.shared.cache).get(key, std::time::Instant::now()) {
            return decision.into();
        }
        let Ok(place) = self.jobs.try_reserve() else {
            log::debug!("too many wait for {}", service.0);
            return self.shared.failure();
        };
        if !lock(&self.shared.breaker).lets_through(std::time::Instant::now()) {
            return self.shared.failure();
        }
        let Some(later) = self.host.later(event, self.timeout.saturating_add(MARGIN)) else {
            lock(&self.shared.breaker).gave_up();
            log::debug!("here the broker cannot wait for {}", service.0);
            return self.shared.failure();
        };
        let deadline = Instant::now() + self.timeout;
        let (service, body) = (service.0.clone(), ask.into_body().into());
        place.send(Job { service, body, key, deadline, later });
        Verdict::Pending
    }

    /// Ends the thread. Who still waits hears of a failure.
    pub(crate) fn close(&self) {
        self.shared.closing.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A panic of it is in the log already.
            let _ = thread.join();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn failure(&self) -> Verdict {
        match self.on_failure {
            OnFailure::Allow => Verdict::Continue,
            OnFailure::Refuse => Verdict::refuse_with(UNAVAILABLE),
        }
    }

    async fn answer(&self, Job { service, body, key, deadline, later }: Job) {
        let asked = tokio::time::timeout_at(deadline, self.client.ask(&service, body)).await;
        let verdict = match asked.unwrap_or(Err(Failure::Late)) {
            Ok((decision, age)) => self.decided(&service, key, decision, age),
            Err(failure) => self.failed(&service, &failure),
        };
        // The client may be gone, and then nobody waits.
        let _ = later.complete(verdict);
    }

    fn decided(&self, service: &Uri, key: Key, decision: Decision, age: Duration) -> Verdict {
        if lock(&self.breaker).succeeded() {
            log::info!("{service} answers again");
        }
        lock(&self.cache).put(key, decision.clone(), age, std::time::Instant::now());
        decision.into()
    }

    fn failed(&self, service: &Uri, failure: &Failure) -> Verdict {
        match lock(&self.breaker).failed(std::time::Instant::now()) {
            After::Opened(pause) => log::warn!("{service}: {failure}; not asked for {pause:?}"),
            After::Nothing => log::debug!("{service}: {failure}"),
        }
        self.failure()
    }
}

/// Runs on the plugin's own thread until the plugin is closed.
fn serve(
    runtime: &Runtime,
    mut waiting: mpsc::Receiver<Job>,
    shared: &Arc<Shared>,
    at_once: usize,
) {
    let permits = Arc::new(Semaphore::new(at_once));
    let take_jobs = async {
        while let Some(job) = waiting.recv().await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                shared.answer(job).await;
                drop(permit);
            });
        }
    };
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = shared.closing.notified() => {}
            () = take_jobs => {}
        }
    });
}

/// After a panic what is inside is fit to go on with.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What can go wrong in a run, and what to do about it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use mqtt::{QoS, ReasonCode, Violation};

use crate::options::MAX_PAYLOAD;
use crate::stamp::Stamp;

/// What went wrong between a client and the broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(
        "connection refused: nothing listens at {0}; start the broker, or say where it is with --host and --port"
    )]
    NobodyListens(SocketAddr),
    #[error(
        "no local port is left to connect from; wait until old connections are forgotten (a minute), or give more addresses of this machine with --source"
    )]
    NoPort,
    #[error("cannot connect from {0}: it is no address of this machine; see --source")]
    NotLocal(IpAddr),
    #[error("cannot connect to {0}: {1}")]
    Connect(SocketAddr, String),
    #[error("the broker has refused the connection: {0}{advice}", advice = advice(*.0))]
    Refused(ReasonCode),
    #[error(
        "the broker has closed the connection before CONNACK; is it an MQTT broker, and does its log say why?"
    )]
    ClosedEarly,
    #[error("{0} clients were not connected and subscribed in time")]
    NotReady(u64),
    #[error("the broker has not answered PINGREQ in time")]
    Unanswered,
    #[error("the broker has refused the subscription: {0}")]
    SubscriptionRefused(ReasonCode),
    #[error("the broker has granted QoS {granted} where QoS {asked} was asked for; choose a lower --qos, or raise its limit", granted = *.granted as u8, asked = *.asked as u8)]
    LessGranted { asked: QoS, granted: QoS },
    #[error("the broker has refused messages: {0}")]
    MessageRefused(ReasonCode),
    #[error("the broker has closed the connection; its log may say why")]
    Closed,
    #[error("the broker has ended the connection: {0}")]
    Ended(ReasonCode),
    #[error("the broker has broken the protocol: {0}")]
    Malformed(Violation),
    #[error(
        "the broker has broken the protocol: {0} with packet identifier {1}, which is not in use"
    )]
    UnknownPacketId(&'static str, u16),
    #[error("the broker has broken the protocol: it has sent {0}")]
    Unexpected(&'static str),
    #[error("the connection is broken: {0}")]
    Broken(String),
}

impl Trouble {
    /// What `error` says, which came of connecting.
    pub(crate) fn of_connecting(address: SocketAddr, error: &io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Trouble::NobodyListens(address),
            io::ErrorKind::AddrNotAvailable => Trouble::NoPort,
            _ => Trouble::Connect(address, error.to_string()),
        }
    }

    /// The broker was not reached at all.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Trouble::NobodyListens(_) | Trouble::Connect(..))
    }
}

/// What may help where a CONNECT was refused.
fn advice(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::BadUserNameOrPassword | ReasonCode::NotAuthorized => {
            "; give --username and --password, or let everybody in while you measure"
        }
        ReasonCode::UnsupportedProtocolVersion => "; choose another --protocol",
        ReasonCode::QuotaExceeded | ReasonCode::ServerBusy | ReasonCode::ServerUnavailable => {
            "; it may limit how many clients it takes"
        }
        ReasonCode::ConnectionRateExceeded => "; choose a lower --concurrency, or raise its limit",
        _ => "",
    }
}

/// What keeps a run from starting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("--host {host}: {error}")]
    Host { host: String, error: io::Error },
    #[error("--host {0}: the name has no address")]
    NoAddress(String),
    #[error("--payload {0}: a message has {min} bytes at least, to say which it is, and {MAX_PAYLOAD} at most", min = Stamp::LEN)]
    Payload(usize),
    #[error("--qos 0: what is kept for a client that is away has QoS 1 or 2")]
    QoSZero,
    #[error("--broker-pid {0}: there is no such process, or it may not be looked at")]
    NoProcess(i32),
    #[error(
        "{clients} clients need {needed} open files, and this process may have {hard} at most; raise the hard limit (ulimit -Hn, or LimitNOFILE= of a service), or use fewer clients"
    )]
    Files { clients: u64, needed: u64, hard: u64 },
    #[error("cannot watch sockets: {0}")]
    Watch(#[from] io::Error),
    #[error("a thread of this program has failed")]
    Worker,
}

impl BenchError {
    /// As `hookmq bench --help` has them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            BenchError::Payload(_) | BenchError::QoSZero => ExitCode::from(2),
            BenchError::Host { .. } | BenchError::NoAddress(_) => UNREACHABLE.into(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// `EX_UNAVAILABLE` of sysexits.h.
pub(crate) const UNREACHABLE: u8 = 69;

impl From<nix::errno::Errno> for BenchError {
    fn from(error: nix::errno::Errno) -> BenchError {
        BenchError::Watch(error.into())
    }
}

//! Why a connection ends, and what follows from it: what the client hears, whether its will is
//! published.

use std::borrow::Cow;
use std::mem::discriminant;
use std::sync::Arc;

use mqtt::{PacketType, ReasonCode, Untold, Violation};

use crate::hooks::{Origin, Refusal};
use crate::session::Kick;
use crate::tally::Kind;

#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The client has sent DISCONNECT with this reason code.
    #[error("disconnected by the client ({0:?})")]
    Disconnected(ReasonCode),
    #[error("the client closed the connection")]
    ClosedByClient,
    #[error("the connection failed: {0}")]
    Failed(std::io::Error),
    #[error("writing to the client failed")]
    WriteFailed,
    /// The client has broken the protocol.
    #[error("{0}")]
    Violation(#[from] Violation),
    /// The client has broken the protocol before it was let in: it is told nothing, or was told in
    /// CONNACK.
    #[error("{0}")]
    Unconnected(Violation),
    #[error("more user properties than limits.max_user_properties or max_user_property_bytes")]
    UserProperties,
    /// A plugin has refused the client in on_auth, or has not been asked. It hears this in DISCONNECT;
    /// before CONNACK, in on_before_connect too, it becomes [`End::Refused`].
    #[error("not authenticated ({0:?})")]
    Unauthenticated(ReasonCode, Option<Cow<'static, str>>),
    /// With `refused_publish: close`, for a client that cannot be told otherwise. [MQTT3-3.3.5-2]
    #[error("PUBLISH refused ({0:?}), see refused_publish")]
    PublishRefused(ReasonCode),
    #[error("re-authentication took longer than limits.connect_timeout")]
    ReauthenticationTimeout,
    #[error("UNSUBSCRIBE with more filters than limits.max_filters_per_subscribe")]
    TooManyFilters,
    #[error("nothing received for one and a half times the keep alive")]
    KeepAliveTimeout,
    #[error("no CONNECT within limits.connect_timeout")]
    ConnectTimeout,
    #[error("no CONNECT yet, and limits.max_handshakes newer connections")]
    GaveWay,
    #[error("the client took nothing for limits.send_timeout")]
    SendTimeout,
    #[error("closed by the broker ({0:?})")]
    Ordered(ReasonCode),
    /// A plugin has sent the client away: which one, and how.
    #[error("sent away by the plugin {0} ({reason:?})", reason = .1.reason)]
    Kicked(Arc<str>, Kick),
    /// SUBACK, UNSUBACK or another answer cannot be sent.
    #[error("an answer cannot be sent: {0}")]
    Unanswerable(#[from] Untold),
    /// CONNECT was answered with this reason code.
    #[error("CONNECT refused ({0:?})")]
    Refused(ReasonCode),
    #[error("vetoed by a plugin at on_socket_open")]
    SocketVetoed,
    #[error("vetoed by a plugin at on_connect")]
    ConnectVetoed(Refusal),
    #[error("the broker stopped, or failed, while it served the connection")]
    Abandoned,
}

impl End {
    /// Plugins have refused the client, or others at its address, and are not asked again yet.
    pub(super) fn must_wait() -> End {
        let why = "refused before; wait, and try again";
        End::Unauthenticated(ReasonCode::ConnectionRateExceeded, Some(why.into()))
    }

    /// What the client is told in DISCONNECT, where its version has one for the server to send.
    /// [MQTT-3.14.0-1]
    /// `None`: nothing; it has gone, or it has been told in CONNACK.
    pub(super) fn disconnect_reason(&self) -> Option<ReasonCode> {
        match self {
            End::Disconnected(_)
            | End::ClosedByClient
            | End::Failed(_)
            | End::WriteFailed
            | End::Unconnected(_)
            | End::ConnectTimeout
            | End::GaveWay
            | End::SendTimeout
            | End::Refused(_)
            | End::SocketVetoed => None,
            End::Violation(violation) => Some(violation.reason()),
            End::UserProperties | End::TooManyFilters => Some(ReasonCode::QuotaExceeded),
            End::Unanswerable(Untold::TooLarge) => Some(ReasonCode::PacketTooLarge),
            End::Unanswerable(Untold::Close) => Some(ReasonCode::UnspecifiedError),
            End::KeepAliveTimeout => Some(ReasonCode::KeepAliveTimeout),
            // [MQTT-4.12.1-2]
            End::Ordered(reason) | End::Unauthenticated(reason, _) => Some(*reason),
            End::Kicked(_, kick) => Some(kick.reason),
            End::PublishRefused(reason) => Some(reason.nearest_in(PacketType::Disconnect)),
            End::ConnectVetoed(refusal) => Some(refusal.reason),
            End::ReauthenticationTimeout => Some(ReasonCode::NotAuthorized),
            End::Abandoned => Some(ReasonCode::UnspecifiedError),
        }
    }

    /// What DISCONNECT says for people; `None`: its reason code says it all.
    pub(super) fn reason_string(&self) -> Option<Cow<'static, str>> {
        match self {
            End::Violation(violation) => Some(violation.to_string().into()),
            End::UserProperties => Some("too many or too long user properties".into()),
            End::Unanswerable(Untold::TooLarge) => {
                Some("an answer is larger than the Maximum Packet Size".into())
            }
            End::KeepAliveTimeout => {
                Some("nothing received for one and a half times the keep alive".into())
            }
            End::Unauthenticated(_, why) => why.clone(),
            End::ConnectVetoed(refusal) => refusal.why.clone(),
            End::ReauthenticationTimeout => Some("re-authentication took too long".into()),
            End::Kicked(_, kick) => {
                Some(kick.words.to_string().into()).filter(|it: &Cow<'_, str>| !it.is_empty())
            }
            End::Ordered(ReasonCode::SessionTakenOver) => {
                Some("another connection has the client identifier now".into())
            }
            End::Ordered(ReasonCode::QuotaExceeded) => {
                Some("more messages wait for it than may".into())
            }
            End::Ordered(ReasonCode::ServerShuttingDown) => Some("the broker is stopping".into()),
            _ => None,
        }
    }

    /// Whether there is something for the client to read.
    pub(super) fn is_told(&self) -> bool {
        matches!(self, End::Refused(_) | End::Unconnected(_)) || self.disconnect_reason().is_some()
    }

    /// What plugins are told: the reason code of the DISCONNECT that was, or would have been, sent.
    pub(super) fn reason_code(&self) -> ReasonCode {
        match self {
            End::Disconnected(reason) => *reason,
            other => other.disconnect_reason().unwrap_or(ReasonCode::UnspecifiedError),
        }
    }

    /// What it is counted as. `None`: it is as things should be, or is counted elsewhere.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            End::Violation(violation) | End::Unconnected(violation) => {
                Some(Kind::Violation(discriminant(violation)))
            }
            End::UserProperties => Some(Kind::UserProperties),
            End::TooManyFilters => Some(Kind::TooManyFilters),
            End::KeepAliveTimeout => Some(Kind::KeepAliveTimeout),
            End::ConnectTimeout => Some(Kind::ConnectTimeout),
            End::GaveWay => Some(Kind::GaveWay),
            End::SendTimeout => Some(Kind::SendTimeout),
            End::Unauthenticated(..) | End::ReauthenticationTimeout => Some(Kind::Unauthenticated),
            End::PublishRefused(_) => Some(Kind::PublishRefused),
            End::Ordered(ReasonCode::SessionTakenOver) => Some(Kind::TakenOver),
            _ => None,
        }
    }

    /// Whether the client said good-bye.
    pub(super) fn is_graceful(&self) -> bool {
        matches!(self, End::Disconnected(_))
    }

    /// Whether the client has gone, and was not sent away.
    pub(super) fn is_by_client(&self) -> bool {
        matches!(self, End::Disconnected(_) | End::ClosedByClient | End::Failed(_))
    }

    /// Whether the will is published: in all cases but a DISCONNECT without it, and that of a client
    /// that a plugin did not want, or has sent away without. [MQTT-3.1.2-8] [MQTT-3.14.4-3]
    pub(super) fn publishes_will(&self) -> bool {
        match self {
            End::Disconnected(ReasonCode::Success) | End::ConnectVetoed(_) => false,
            End::Kicked(_, kick) => !kick.without_will,
            _ => true,
        }
    }

    /// Who has brought it about.
    pub(super) fn origin(&self) -> Origin<'_> {
        match self {
            End::Kicked(plugin, _) => Origin::Plugin(plugin),
            _ if self.is_by_client() => Origin::Client,
            _ => Origin::Broker,
        }
    }

    /// Whether the session does not outlive the connection, whatever the client has asked for.
    pub(super) fn ends_session(&self) -> bool {
        matches!(self, End::Kicked(_, kick) if kick.ends_session)
    }
}

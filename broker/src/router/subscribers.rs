//! The subscribers of one filter.

use std::sync::Arc;

use super::Target;
use crate::session::Session;

/// Each session once. Most filters have one subscriber, for which nothing is allocated.
#[derive(Default)]
pub(super) enum Subscribers {
    #[default]
    None,
    One(Target),
    #[expect(clippy::box_collection, reason = "so that all of it is no larger than a target")]
    Many(Box<Vec<Target>>),
}

impl Subscribers {
    pub(super) fn as_slice(&self) -> &[Target] {
        match self {
            Subscribers::None => &[],
            Subscribers::One(target) => std::slice::from_ref(target),
            Subscribers::Many(targets) => targets,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Subscribers::None)
    }

    /// Adds one, or replaces its options.
    pub(super) fn put(&mut self, target: Target) {
        let is_same = |known: &&mut Target| Arc::ptr_eq(&known.session, &target.session);
        if let Some(known) = self.as_mut_slice().iter_mut().find(is_same) {
            *known = target;
            return;
        }
        *self = match std::mem::take(self) {
            Subscribers::None => Subscribers::One(target),
            Subscribers::One(first) => Subscribers::Many(Box::new(vec![first, target])),
            Subscribers::Many(mut targets) => {
                if targets.len() == targets.capacity() {
                    targets.reserve_exact(targets.len() / 2);
                }
                targets.push(target);
                Subscribers::Many(targets)
            }
        };
    }

    /// Removes the one that this session is, if it is there.
    pub(super) fn take(&mut self, session: &Session) {
        let is_other = |target: &Target| !std::ptr::eq(&*target.session, session);
        *self = match std::mem::take(self) {
            Subscribers::One(target) if !is_other(&target) => Subscribers::None,
            Subscribers::Many(mut targets) => {
                targets.retain(is_other);
                match targets.len() {
                    1 => targets.pop().map(Subscribers::One).unwrap_or_default(),
                    _ => Subscribers::Many(targets),
                }
            }
            same => same,
        };
    }

    fn as_mut_slice(&mut self) -> &mut [Target] {
        match self {
            Subscribers::None => &mut [],
            Subscribers::One(target) => std::slice::from_mut(target),
            Subscribers::Many(targets) => targets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use mqtt::QoS;

    fn target(session: &Arc<Session>, qos: QoS) -> Target {
        Target {
            session: session.clone(),
            qos,
            no_local: false,
            retain_as_published: false,
            matched_by: None,
        }
    }

    /// Whatever their number, each is there once until it is taken.
    #[test]
    fn each_is_there_once_until_it_is_taken() {
        let mut subscribers = Subscribers::default();
        let sessions: Vec<_> = ["a", "b", "c", "d"]
            .map(|client_id| Arc::new(Session::new(client_id.into(), 1)))
            .into();
        for (index, session) in sessions.iter().enumerate() {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
                subscribers.put(target(session, qos));
            }
            assert_eq!(subscribers.as_slice().len(), index + 1);
        }
        assert!(subscribers.as_slice().iter().all(|target| target.qos == QoS::AtLeastOnce));
        for (index, session) in sessions.iter().enumerate() {
            for _ in 0..2 {
                subscribers.take(session);
            }
            let left = subscribers.as_slice().iter().map(|target| &target.session);
            assert!(left.zip(&sessions[index + 1..]).all(|(left, due)| Arc::ptr_eq(left, due)));
            assert_eq!(subscribers.as_slice().len(), sessions.len() - index - 1);
        }
        assert!(subscribers.is_empty());
    }

    /// There is one in every node.
    #[test]
    fn it_takes_no_more_than_a_target() {
        assert_eq!(size_of::<Subscribers>(), size_of::<Target>());
    }
}

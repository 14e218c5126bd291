//! A timer that is due, as a test makes it up.

use super::{client::size, event::Event, parts::Parts, rules::Check};
use crate::raw::{self, EventPtr};

/// A timer that is due, of whatever number. [`Host::advance`](super::Host::advance) calls those that the
/// plugin has set.
#[derive(Clone, Debug)]
pub struct Tick {
    id: u64,
}

impl Tick {
    /// The timer of this number.
    pub fn of(id: u64) -> Self {
        Tick { id }
    }
}

impl Event for Tick {
    type Raw = raw::Tick<'static>;

    fn check(&self) -> Check {
        Ok(())
    }

    fn is_odd(&self) -> bool {
        false
    }

    fn send(&self, _: &Parts, call: &mut dyn FnMut(EventPtr<Self::Raw>) -> i32) -> i32 {
        let size = size::<raw::Tick<'_>>();
        let _borrowed = std::marker::PhantomData;
        call(EventPtr::from(&raw::Tick { size, reserved: 0, id: self.id, _borrowed }).cast())
    }
}

//! What the micro-benchmarks measure: a list of cases, each run by Criterion for its time, and once under
//! Callgrind for its instructions. Not the load on a whole broker: that is `bench/`.
#![allow(clippy::expect_used, clippy::panic, reason = "what cannot be set up is not measured")]

mod codec;
mod dispatch;
mod matching;
mod noop;

/// How often a pass does what its case is about: often enough that the call of the pass does not count.
pub const TIMES: usize = 100;

/// Does it so often.
pub type Pass = Box<dyn FnMut()>;

/// Something that is measured.
pub struct Case {
    name: String,
    set_up: Box<dyn Fn() -> Pass>,
}

impl Case {
    fn new(name: impl Into<String>, set_up: impl Fn() -> Pass + 'static) -> Case {
        Case { name: name.into(), set_up: Box::new(set_up) }
    }

    /// What it is about, and then how it differs from others about that: `decode/publish-qos0/5.0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Prepares what is not to be measured.
    ///
    /// # Panics
    /// If that fails.
    pub fn set_up(&self) -> Pass {
        (self.set_up)()
    }
}

/// All of them.
pub fn cases() -> Vec<Case> {
    [codec::cases(), matching::cases(), dispatch::cases()].into_iter().flatten().collect()
}

/// Runs a pass where Callgrind sees it: it counts what is done within this function.
#[inline(never)]
pub fn measured(pass: &mut dyn FnMut()) {
    pass();
}

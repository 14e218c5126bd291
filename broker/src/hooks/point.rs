//! The table of hooks: which may veto, and what it means that a plugin fails in one.

use crate::plugins::{Described, Keep, Recorded};
use plugin_abi::{
    module::{HookFunction, HookTable},
    raw,
};

/// A hook: when it is called, everything else follows from this.
pub(crate) trait Point: 'static {
    /// Its place in [`ALL`].
    const INDEX: usize;
    /// Its name in logs, the one that Rust plugins write.
    const NAME: &'static str;
    /// Whether it may answer a veto.
    const MAY_VETO: bool;
    /// What it means that a plugin panicked in it, or answered nonsense.
    const ON_FAILURE: OnFailure;
    /// What the plugin is told.
    type Event<'a>: Described + Keep + Recorded<'a>;

    /// The hook of a plugin, if it has it.
    fn function(table: &HookTable) -> Option<HookFunction<Self::Event<'static>>>;
}

/// Some of the hooks, a bit each by their places in [`ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HookSet(u32);

impl HookSet {
    /// One hook.
    pub(crate) const fn of(index: usize) -> HookSet {
        HookSet(1 << index)
    }

    pub(crate) const fn from_bits(bits: u32) -> HookSet {
        HookSet(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn has(self, index: usize) -> bool {
        self.0 & 1 << index != 0
    }

    pub(crate) const fn union(self, other: HookSet) -> HookSet {
        HookSet(self.0 | other.0)
    }
}

/// What it means that a plugin fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// As a veto: a plugin that guards something must not let it through by failing.
    Refuse,
    /// As if it did not have the hook.
    GoOn,
}

/// What is done with a hook that is known by its name alone.
pub(crate) trait Visitor {
    type Output;

    fn visit<P: Point>(self) -> Self::Output;
}

macro_rules! points {
    ($($point:ident $name:ident $event:ident $may_veto:literal $can_wait:literal $on_failure:ident;)*) => {
        /// In the order of [`ALL`].
        #[allow(clippy::enum_variant_names, reason = "so hooks are named")]
        enum Index { $($point,)* }

        $(
            pub(crate) struct $point;

            impl Point for $point {
                const INDEX: usize = Index::$point as usize;
                const NAME: &'static str = stringify!($name);
                const MAY_VETO: bool = $may_veto;
                const ON_FAILURE: OnFailure = OnFailure::$on_failure;
                type Event<'a> = raw::$event<'a>;

                fn function(table: &HookTable) -> Option<HookFunction<raw::$event<'static>>> {
                    table.$name
                }
            }
        )*

        /// All hooks by their two names: the symbol that C plugins export, and [`Point::NAME`].
        pub(crate) const ALL: &[(&str, &str)] =
            &[$((stringify!($point), stringify!($name)),)*];

        /// Those whose answers can be waited for, a bit each.
        pub(crate) const CAN_WAIT: HookSet =
            HookSet(0 $(| ($can_wait as u32) << Index::$point as u32)*);

        /// How many there are.
        pub(crate) const COUNT: usize = ALL.len();

        /// Has `visitor` visit the hook of this name, if there is one.
        pub(crate) fn visit<V: Visitor>(name: &str, visitor: V) -> Option<V::Output> {
            match name {
                $(stringify!($name) => Some(visitor.visit::<$point>()),)*
                _ => None,
            }
        }

        /// The hooks in a table: their places in [`ALL`], and their names.
        pub(crate) fn present(table: &HookTable) -> impl Iterator<Item = (usize, &'static str)> {
            let hooks = [$((Index::$point as usize, stringify!($name), table.$name.is_some()),)*];
            hooks.into_iter().filter(|(_, _, there)| *there).map(|(index, name, _)| (index, name))
        }

        /// The names of the hooks in a table.
        pub(crate) fn names(table: &HookTable) -> Vec<&'static str> {
            present(table).map(|(_, name)| name).collect()
        }
    };
}

#[rustfmt::skip]
points! {
    // point            name                    event          may veto  can wait  on failure
    OnSocketOpen        on_socket_open          SocketOpen     true      true      Refuse;
    OnBeforeConnect     on_before_connect       BeforeConnect  true      true      Refuse;
    OnConnect           on_connect              Connect        true      true      Refuse;
    OnBeforeSubscribe   on_before_subscribe     Subscribe      true      true      Refuse;
    OnSubscribe         on_subscribe            Subscribe      false     false     GoOn;
    OnBeforeUnsubscribe on_before_unsubscribe   Unsubscribe    true      true      GoOn;
    OnUnsubscribe       on_unsubscribe          Unsubscribe    false     false     GoOn;
    OnMessage           on_message              Publish        false     false     GoOn;
    OnBeforePublish     on_before_publish       Publish        true      true      Refuse;
    OnPublish           on_publish              Publish        false     false     GoOn;
    OnAuth              on_auth                 Auth           true      true      Refuse;
    OnWill              on_will                 Publish        true      true      Refuse;
    OnBeforeDeliver     on_before_deliver       Deliver        true      false     Refuse;
    OnDelivered         on_delivered            Deliver        false     false     GoOn;
    OnDropped           on_dropped              Dropped        false     false     GoOn;
    OnSession           on_session              Session        false     false     GoOn;
    OnTick              on_tick                 Tick           false     false     GoOn;
    OnDisconnect        on_disconnect           Disconnect     false     false     GoOn;
}

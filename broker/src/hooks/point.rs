//! The table of hooks: which may veto, and what it means that a plugin fails in one.

use crate::plugins::{Described, Recorded};
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
    type Event<'a>: Described + Recorded<'a>;

    /// The hook of a plugin, if it has it.
    fn function(table: &HookTable) -> Option<HookFunction<Self::Event<'static>>>;
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
    ($($point:ident $name:ident $event:ident $may_veto:literal $on_failure:ident;)*) => {
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
    // point            name                    event          may veto  on failure
    OnSocketOpen        on_socket_open          SocketOpen     true      Refuse;
    OnBeforeConnect     on_before_connect       BeforeConnect  true      Refuse;
    OnConnect           on_connect              Connect        true      Refuse;
    OnBeforeSubscribe   on_before_subscribe     Subscribe      true      Refuse;
    OnSubscribe         on_subscribe            Subscribe      false     GoOn;
    OnBeforeUnsubscribe on_before_unsubscribe   Unsubscribe    true      GoOn;
    OnUnsubscribe       on_unsubscribe          Unsubscribe    false     GoOn;
    OnMessage           on_message              Publish        false     GoOn;
    OnBeforePublish     on_before_publish       Publish        true      Refuse;
    OnPublish           on_publish              Publish        false     GoOn;
    OnAuth              on_auth                 Auth           true      Refuse;
    OnWill              on_will                 Publish        true      Refuse;
    OnBeforeDeliver     on_before_deliver       Deliver        true      Refuse;
    OnDelivered         on_delivered            Deliver        false     GoOn;
    OnDropped           on_dropped              Dropped        false     GoOn;
    OnSession           on_session              Session        false     GoOn;
    OnTick              on_tick                 Tick           false     GoOn;
    OnDisconnect        on_disconnect           Disconnect     false     GoOn;
}

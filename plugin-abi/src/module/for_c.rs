//! The host functions as plugins in C get them.

use crate::{
    module::HostApi,
    raw::{self, HostContext},
};

impl HostApi {
    /// The same functions for a plugin in C, which is to pass back this context.
    pub const fn for_c(&self, ctx: HostContext) -> raw::Host {
        raw::Host {
            size: size_of::<raw::Host>() as u32,
            abi_version: raw::ABI_VERSION,
            ctx,
            log: self.log,
            max_level: self.max_level,
            publish: self.publish,
            publish_to: self.publish_to,
            retain: self.retain,
            each_retained: self.each_retained,
            disconnect: self.disconnect,
            subscribe: self.subscribe,
            unsubscribe: self.unsubscribe,
            each_client: self.each_client,
            each_subscription: self.each_subscription,
            receivers: self.receivers,
            attribute_set: self.attribute_set,
            attribute_get: self.attribute_get,
            kv_set: self.kv_set,
            kv_get: self.kv_get,
            kv_remove: self.kv_remove,
            kv_each: self.kv_each,
            timer_set: self.timer_set,
            timer_cancel: self.timer_cancel,
            metric: self.metric,
            metric_update: self.metric_update,
            interest: self.interest,
            config: self.config,
            folder: self.folder,
            defer: self.defer,
            complete: self.complete,
            blocking: self.blocking,
        }
    }
}

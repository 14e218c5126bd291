//! Metrics.

use plugin_abi::raw::{HostContext, View};

use super::{answer, count, text};
use crate::services::{Declined, Description};

pub(super) unsafe extern "C" fn metric(
    context: HostContext,
    kind: u32,
    name: View<'_>,
    labels: View<'_>,
    help: View<'_>,
) -> i64 {
    // SAFETY: the plugin passes back what it was given.
    unsafe {
        count(context, |caller| {
            // Zero bytes end them.
            let labels = std::str::from_utf8(labels.as_bytes()).map_err(|_| Declined::Unfit)?;
            let (name, help) = (text(name)?, text(help)?);
            caller.account()?.metric(&Description { kind, name, labels, help })
        })
    }
}

pub(super) unsafe extern "C" fn metric_update(
    context: HostContext,
    number: i64,
    how: u32,
    value: f64,
) -> i32 {
    // SAFETY: as in `metric`.
    unsafe { answer(context, |caller| caller.account()?.update_metric(number, how, value)) }
}

//! The plugin's section of the config, and its folders.

use std::{ffi::c_void, os::unix::ffi::OsStrExt};

use plugin_abi::raw::{self, HostContext, View, VisitValue};

use super::answer;
use crate::services::Declined;

pub(super) unsafe extern "C" fn config(
    context: HostContext,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    // SAFETY: the plugin passes back what it was given, and `user` goes with `visit`.
    unsafe {
        answer(context, |caller| {
            (visit.visit)(user, View::new(caller.config.as_bytes()));
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn folder(
    context: HostContext,
    which: u32,
    user: *mut c_void,
    visit: VisitValue,
) -> i32 {
    // SAFETY: as in `config`.
    unsafe {
        answer(context, |caller| {
            let account = caller.account()?;
            let folder = match which {
                raw::FOLDER_OF_CONFIG => account.config_folder()?,
                raw::FOLDER_OF_DATA => account.data_folder()?,
                _ => return Err(Declined::Unfit),
            };
            (visit.visit)(user, View::new(folder.as_os_str().as_bytes()));
            Ok(())
        })
    }
}

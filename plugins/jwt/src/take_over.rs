//! Takes over the clients that an instance before this one has left.

use plugin_abi::{Host, HostError, log};

use crate::grant::Grant;
use crate::grants::{Grants, Key};

/// Takes over the grants of all that are connected. Returns whether that is done, or never can be.
pub(crate) fn take_over(host: &Host, grants: &Grants) -> bool {
    let mut connected: Vec<(Key, Box<str>)> = Vec::new();
    let shown = host.each_client(|shown| {
        let client = shown.client();
        if shown.is_connected() {
            connected.push((Key::of(&client), client.client_id().into()));
        }
        true
    });
    match shown {
        Ok(_) => {}
        Err(why @ (HostError::NotGranted | HostError::NotOffered)) => {
            log::warn!(
                "read-clients: {why}. After a reload clients stay when their tokens expire, and who \
                 comes back to a session loses it unless its token allows all topics"
            );
            return true;
        }
        Err(why) => {
            log::debug!("the clients cannot be seen now: {why}");
            return false;
        }
    }
    for (key, client_id) in connected {
        if grants.get(&key).is_none()
            && let Some(grant) = Grant::kept(host, &client_id)
        {
            grants.adopt(&key, &client_id, grant);
        }
    }
    true
}

//! What is done when a socket is readable or writable.

use std::io::{ErrorKind, Read};

use crate::client::{Client, State};
use crate::clock;
use crate::context::Context;
use crate::stream::Stream;
use crate::trouble::Trouble;

/// What a read takes at most.
pub(crate) const READ: usize = 128 * 1024;

impl Context<'_> {
    pub(crate) fn writable(&mut self, client: &mut Client) {
        if client.state == State::Opening {
            match client.stream.as_ref().map(Stream::is_connected) {
                Some(Ok(true)) => {}
                Some(Ok(false)) | None => return,
                Some(Err(error)) => {
                    let trouble = Trouble::of_connecting(self.settings.address, &error);
                    return self.close(client, trouble);
                }
            }
        }
        self.flush(client);
    }

    /// `is_last`: no other event will come, so that the end has to be read now.
    pub(crate) fn readable(&mut self, client: &mut Client, buffer: &mut Vec<u8>, is_last: bool) {
        loop {
            match self.read(client, buffer, is_last) {
                Ok(true) => {}
                Ok(false) => break,
                Err(trouble) => return self.close(client, trouble),
            }
        }
        if !client.out.is_empty() {
            self.flush(client);
        }
    }

    /// True: there may be more to read.
    fn read(
        &mut self,
        client: &mut Client,
        buffer: &mut Vec<u8>,
        is_last: bool,
    ) -> Result<bool, Trouble> {
        let have = client.rest.len();
        if buffer.len() < have + READ {
            buffer.resize(have + READ, 0);
        }
        let (Some(stream), Some((rest, room))) =
            (&mut client.stream, buffer.split_at_mut_checked(have))
        else {
            return Ok(false);
        };
        let room_len = room.len();
        let read = match stream.read(room) {
            Ok(0) if client.state == State::Opening => return Err(Trouble::ClosedEarly),
            Ok(0) => return Err(Trouble::Closed),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) if client.state == State::Opening => {
                return Err(Trouble::of_connecting(self.settings.address, &error));
            }
            Err(error) => return Err(Trouble::Broken(error.to_string())),
        };
        rest.copy_from_slice(&client.rest);
        self.now = clock::now();
        self.reads += 1;
        let bytes = buffer.get(..have + read).unwrap_or_default();
        let used = self.feed(client, bytes)?;
        client.rest.clear();
        client.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
        // Less than there was room for: the socket is empty (epoll(7)).
        Ok((is_last || read == room_len) && client.state != State::Closed)
    }
}

//! Reads the property block of an MQTT 5 packet (section 2.2.2.2). The broker has validated it; what
//! cannot be read all the same ends the list, and never panics.

/// The user properties of a packet, in its order; a name may come more than once.
///
/// Empty before MQTT 5.0.
#[derive(Clone, Debug)]
pub struct UserProperties<'a> {
    rest: &'a [u8],
}

impl<'a> UserProperties<'a> {
    pub(crate) fn new(properties: &'a [u8]) -> Self {
        UserProperties { rest: properties }
    }

    /// Whether the block can be read to its end.
    pub(crate) fn are_whole(mut self) -> bool {
        while !self.rest.is_empty() {
            if self.advance().is_none() {
                return false;
            }
        }
        true
    }

    fn advance(&mut self) -> Option<Option<(&'a str, &'a str)>> {
        // Every identifier of MQTT 5 fits one byte of the variable byte integer that it is.
        match self.byte()? {
            USER_PROPERTY => Some(Some((self.text()?, self.text()?))),
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2A => self.skip(1),
            0x13 | 0x21..=0x23 => self.skip(2),
            0x02 | 0x11 | 0x18 | 0x27 => self.skip(4),
            0x0B => self.skip_variable(),
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => {
                self.string().map(|_| None)
            }
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes([self.byte()?, self.byte()?]);
        let (string, rest) = self.rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        Some(string)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }

    fn skip(&mut self, bytes: usize) -> Option<Option<(&'a str, &'a str)>> {
        self.rest = self.rest.get(bytes..)?;
        Some(None)
    }

    fn skip_variable(&mut self) -> Option<Option<(&'a str, &'a str)>> {
        while self.byte()? & 0x80 != 0 {}
        Some(None)
    }
}

impl<'a> Iterator for UserProperties<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Some(Some(property)) => return Some(property),
                Some(None) => {}
                None => {
                    self.rest = &[];
                    return None;
                }
            }
        }
    }
}

pub(crate) const USER_PROPERTY: u8 = 0x26;

#[cfg(test)]
mod tests {
    use super::*;

    fn user_properties(block: &[u8]) -> Vec<(&str, &str)> {
        UserProperties::new(block).collect()
    }

    #[test]
    fn other_properties_are_skipped() {
        let block = [
            &[0x01, 1][..],                        // payload format indicator
            &[0x26, 0, 1, b'a', 0, 2, b'b', b'c'], // user property
            &[0x02, 0, 0, 0, 9],                   // message expiry interval
            &[0x0B, 0x80, 0x01],                   // subscription identifier
            &[0x23, 0, 7],                         // topic alias
            &[0x08, 0, 2, b'x', b'y'],             // response topic
            &[0x26, 0, 1, b'a', 0, 0],             // user property
        ]
        .concat();
        assert_eq!(user_properties(&block), [("a", "bc"), ("a", "")]);
    }

    #[test]
    fn every_beginning_of_a_block_is_read_without_harm() {
        let block = [0x0B, 0x80, 0x01, 0x26, 0, 1, b'a', 0, 1, b'b', 0x7E, 0x26, 0, 0, 0, 0];
        for end in 0..block.len() {
            assert!(user_properties(&block[..end]).len() <= 1);
            let is_whole = UserProperties::new(&block[..end]).are_whole();
            assert_eq!(is_whole, [0, 3, 10].contains(&end), "{end}");
        }
        assert_eq!(user_properties(&block), [("a", "b")]);
    }
}

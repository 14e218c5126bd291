//! A token: whether somebody who has a key has signed it, and what it says.

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{crypto, decode_header};
use serde_json::{Map, Value};

use crate::keys::Keys;
use crate::refused::Refused;

pub(crate) type Claims = Map<String, Value>;

/// What the token says, if its signature is good. Takes up to half a millisecond for each key that may be
/// the right one.
pub(crate) fn verify(token: &[u8], keys: &Keys) -> Result<Claims, Refused> {
    let token = str::from_utf8(token).map_err(|_| Refused::Malformed)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
    let header = decode_header(token).map_err(|_| Refused::Malformed)?;
    if header.crit.is_some() {
        return Err(Refused::Critical);
    }
    let mut refused = Refused::NoKey(format!("{:?}", header.alg));
    for chosen in keys.for_token(header.alg, header.kid.as_deref()) {
        let Some(key) = chosen.key() else { continue };
        match crypto::verify(signature, signed.as_bytes(), &key.decoding, header.alg) {
            // The library checks no claims here: `sub` may be a list of topics, which it cannot read. The
            // signature is good, which is what makes it dangerous otherwise.
            Ok(true) => return insecure_decode_claims(token).map_err(|_| Refused::Malformed),
            Ok(false) => refused = Refused::Signature,
            Err(_) => return Err(Refused::Malformed),
        }
    }
    Err(refused)
}

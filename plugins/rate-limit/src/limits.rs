//! Whether there is room for what a client sends, by its own buckets and those of its address.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use plugin_config::Facts;

use crate::bucket::{Limit, Nanos};
use crate::settings::{Answer, Settings};
use crate::table::{Buckets, Table};

pub(crate) struct Limits {
    answer: Answer,
    per_client: Limited,
    per_address: Limited,
    clients: Table<String>,
    addresses: Table<IpAddr>,
    ipv6_prefix: u8,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    Pass,
    /// It passes, and its client waits for so long.
    Wait(Duration),
    Refuse(Whose),
}

/// Whose limit it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Whose {
    Client,
    Address,
}

/// Messages, bytes and connections, in this order, as in [`Buckets`].
type Limited = [Option<Limit>; 3];

impl Limits {
    pub(crate) fn new(settings: &Settings) -> Limits {
        let Settings { per_client, per_address, .. } = settings;
        let limited =
            |written: [_; 3]| written.map(|it: Option<crate::written::Written>| Some(it?.limit()));
        Limits {
            answer: settings.answer,
            per_client: limited([per_client.messages, per_client.bytes, None]),
            per_address: limited([
                per_address.messages,
                per_address.bytes,
                per_address.connections,
            ]),
            clients: Table::new(settings.max_tracked),
            addresses: Table::new(settings.max_tracked),
            ipv6_prefix: settings.ipv6_prefix,
        }
    }

    /// A message of so many bytes. One that is refused takes nothing out.
    pub(crate) fn message(&self, client: &Facts<'_>, bytes: u64, now: Nanos) -> Outcome {
        let amounts = [1, bytes, 0];
        let address = client.address.map(|address| self.network(address));
        let address = address.filter(|_| limits_messages(&self.per_address));
        // Always the client's first, so that no two threads wait for each other.
        let is_limited = limits_messages(&self.per_client);
        let mut own = is_limited.then(|| self.clients.lock(client.client_id)).flatten();
        let mut shared = address.as_ref().and_then(|address| self.addresses.lock(address));
        let own = own.as_mut().map(|part| part.buckets(client.client_id, now));
        let shared = shared.as_mut().zip(address);
        let shared = shared.map(|(part, address)| part.buckets(&address, now));
        if self.answer == Answer::Refuse {
            let lacks = |buckets: &Option<&mut Buckets>, limits| {
                buckets.as_ref().is_some_and(|buckets| !has(buckets, limits, amounts, now))
            };
            if lacks(&own, &self.per_client) {
                return Outcome::Refuse(Whose::Client);
            }
            if lacks(&shared, &self.per_address) {
                return Outcome::Refuse(Whose::Address);
            }
        }
        let taken = |buckets: Option<&mut Buckets>, limits| {
            buckets.map_or(Duration::ZERO, |buckets| take(buckets, limits, amounts, now))
        };
        let wait = taken(own, &self.per_client).max(taken(shared, &self.per_address));
        match self.answer {
            Answer::Throttle if !wait.is_zero() => Outcome::Wait(wait),
            _ => Outcome::Pass,
        }
    }

    /// Whether one more connection may come from there.
    pub(crate) fn connection(&self, address: IpAddr, now: Nanos) -> bool {
        let [_, _, Some(limit)] = &self.per_address else { return true };
        let address = self.network(address);
        let Some(mut part) = self.addresses.lock(&address) else { return true };
        let [_, _, connections] = part.buckets(&address, now);
        let has = connections.has(1, limit, now);
        if has {
            connections.take(1, limit, now);
        }
        has
    }

    /// What of an address counts.
    fn network(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = u128::MAX << 128_u32.saturating_sub(self.ipv6_prefix.into()).min(127);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
            address => address,
        }
    }
}

fn limits_messages(limits: &Limited) -> bool {
    matches!(limits, [Some(_), ..] | [_, Some(_), _])
}

fn has(buckets: &Buckets, limits: &Limited, amounts: [u64; 3], now: Nanos) -> bool {
    let all = buckets.iter().zip(limits).zip(amounts);
    all.filter_map(|((bucket, limit), amount)| Some((bucket, limit.as_ref()?, amount)))
        .all(|(bucket, limit, amount)| amount == 0 || bucket.has(amount, limit, now))
}

fn take(buckets: &mut Buckets, limits: &Limited, amounts: [u64; 3], now: Nanos) -> Duration {
    let all = buckets.iter_mut().zip(limits).zip(amounts);
    all.filter_map(|((bucket, limit), amount)| Some((bucket, limit.as_ref()?, amount)))
        .filter(|(_, _, amount)| *amount > 0)
        .map(|(bucket, limit, amount)| bucket.take(amount, limit, now))
        .max()
        .unwrap_or_default()
}

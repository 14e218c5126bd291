//! A PUBLISH as its connection has it. What plugins are told is made of it where it is needed, so that
//! nothing of it is written down twice.

use mqtt::Publish;
use plugin_abi::raw;

use super::client::{Client, Publication};
use super::edits::Edits;
use super::point::OnBeforePublish;
use super::subject::{About, Shown, Subject};
use crate::config::Limits;
use crate::connection::Endpoint;

#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) publish: &'a Publish<'a>,
}

impl<'a> Incoming<'a> {
    #[inline]
    pub(crate) fn client(&self) -> Client<'a> {
        self.endpoint.facts(self.client_id)
    }

    #[inline]
    pub(crate) fn publication(&self) -> Publication<'a> {
        Publication::by_client(self.publish)
    }
}

impl Subject<OnBeforePublish> for Incoming<'_> {
    const TAKES: &'static [u32] = <About<'_, Publication<'_>> as Subject<OnBeforePublish>>::TAKES;

    #[inline]
    fn properties(&self) -> &[u8] {
        self.publish.properties.as_bytes()
    }

    fn fits(&self, edits: &Edits, limits: &Limits) -> bool {
        self.publication().fits(edits, limits)
    }

    #[inline]
    fn client<'a>(&'a self, _edits: Option<&'a Edits>) -> raw::Client<'a> {
        Incoming::client(self).to_raw()
    }

    #[inline]
    fn event<'a>(&'a self, client: &'a raw::Client<'a>, shown: Shown<'a>) -> raw::Publish<'a> {
        self.publication().event(client, shown)
    }
}

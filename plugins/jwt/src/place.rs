//! Where in a CONNECT the token stands.

use plugin_abi::BeforeConnect;
use plugin_abi::serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(crate = "plugin_abi::serde", rename_all = "snake_case")]
pub(crate) enum Place {
    #[default]
    Password,
    Username,
    /// The first of this name. MQTT 5 alone has them.
    UserProperty(String),
}

impl Place {
    pub(crate) fn token<'a>(&self, event: &BeforeConnect<'a>) -> Option<&'a [u8]> {
        let token = match self {
            Place::Password => event.password(),
            Place::Username => event.client().username().map(str::as_bytes),
            Place::UserProperty(name) => {
                let mut properties = event.user_properties();
                properties.find(|(given, _)| given == name).map(|(_, value)| value.as_bytes())
            }
        };
        token.filter(|token| !token.is_empty())
    }
}

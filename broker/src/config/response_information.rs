//! The key `response_information:`.

use mqtt::topic::check_topic_name;

use super::error::Problem;
use super::setting::Setting;

/// The beginning of a topic name that clients may publish to, or `none`.
pub(super) fn read(setting: &Setting<'_>) -> Result<Option<String>, Problem> {
    match setting.string() {
        Some("none") => Ok(None),
        Some(text) if check_topic_name(text).is_ok() && !text.starts_with('$') => {
            Ok(Some(text.to_owned()))
        }
        _ => Err(setting.refuse(
            "none, or the beginning of a topic name, in quotes and without wildcards or a $ in front",
        )),
    }
}

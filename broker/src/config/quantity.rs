//! Numbers, sizes and durations as they are written in the config, and the range each may have.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::Problem;
use super::setting::Setting;

/// One KiB, in bytes.
pub(super) const KIB: u64 = 1024;
/// One MiB, in bytes.
pub(super) const MIB: u64 = 1024 * KIB;

/// The largest first, so that what is written back is short.
const SIZES: [(&str, u64); 3] = [("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", KIB)];

/// In milliseconds, the largest first.
const DURATIONS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a whole number.
pub(super) fn number<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&Setting<'_>) -> Result<T, Problem> {
    move |setting| {
        let value = setting.integer().and_then(|value| u64::try_from(value).ok());
        within(value, &range).ok_or_else(|| {
            let (from, to) = range.clone().into_inner();
            setting.refuse(&format!("a whole number from {from} to {to}"))
        })
    }
}

/// Reads a number of bytes: `512`, `64KiB`, `1MiB`, `2GiB`.
pub(super) fn size<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&Setting<'_>) -> Result<T, Problem> {
    move |setting| {
        let bytes = match setting.integer() {
            Some(bytes) => u64::try_from(bytes).ok(),
            None => setting.string().and_then(|text| scaled(text, &SIZES)),
        };
        within(bytes, &range).ok_or_else(|| {
            let from = written(*range.start(), &SIZES);
            let to = written(*range.end(), &SIZES);
            setting.refuse(&format!("a size such as 512, 64KiB or 1MiB, from {from} to {to}"))
        })
    }
}

/// `500ms`, `10s`, `2m`, `1h` or `7d`; `None`: it is nothing such.
pub fn read_duration(text: &str) -> Option<Duration> {
    scaled(text, &DURATIONS).map(Duration::from_millis)
}

/// `512`, `64KiB`, `1MiB` or `2GiB`, in bytes; `None`: it is nothing such.
pub fn read_size(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| scaled(text, &SIZES))
}

/// Reads a duration: `500ms`, `10s`, `2m`, `1h`, `7d`. The range is in milliseconds.
pub(super) fn duration(
    range: RangeInclusive<u64>,
) -> impl Fn(&Setting<'_>) -> Result<Duration, Problem> {
    move |setting| {
        let value = setting.string().and_then(|text| scaled(text, &DURATIONS));
        within(value, &range).map(Duration::from_millis).ok_or_else(|| {
            let from = written(*range.start(), &DURATIONS);
            let to = written(*range.end(), &DURATIONS);
            setting.refuse(&format!("a duration such as 500ms, 10s, 2m or 7d, from {from} to {to}"))
        })
    }
}

fn within<T: TryFrom<u64>>(value: Option<u64>, range: &RangeInclusive<u64>) -> Option<T> {
    value.filter(|value| range.contains(value)).and_then(|value| T::try_from(value).ok())
}

/// `64KiB` to 65536. Nothing if the unit is unknown or the number does not fit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(unit_at)?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*scale)
}

/// 65536 to `64KiB`: the largest unit that divides it.
fn written(value: u64, units: &[(&str, u64)]) -> String {
    match units.iter().find(|(_, scale)| value > 0 && value.is_multiple_of(*scale)) {
        Some((unit, scale)) => format!("{}{unit}", value / scale),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{DURATIONS, SIZES, scaled, written};

    #[test]
    fn reads_units() {
        for (text, bytes) in [("64KiB", 65_536), ("1MiB", 1_048_576), ("2GiB", 2_147_483_648)] {
            assert_eq!(scaled(text, &SIZES), Some(bytes), "{text}");
            assert_eq!(written(bytes, &SIZES), text);
        }
        for (text, ms) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("2m", 120_000),
            ("3h", 10_800_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(scaled(text, &DURATIONS), Some(ms), "{text}");
            assert_eq!(written(ms, &DURATIONS), text);
        }
    }

    #[test]
    fn refuses_what_is_no_quantity() {
        for text in ["", "10", "s", "-1s", "+1s", "1 s", "1S", "1.5s", "1s2", "1µs", "١s"] {
            assert_eq!(scaled(text, &DURATIONS), None, "{text:?}");
        }
        for text in ["1MB", "1mib", "1KiB ", "18446744073709551616KiB", "18446744073709551615GiB"] {
            assert_eq!(scaled(text, &SIZES), None, "{text:?}");
        }
    }

    #[test]
    fn writes_zero_and_odd_numbers_plainly() {
        assert_eq!(written(0, &SIZES), "0");
        assert_eq!(written(1025, &SIZES), "1025");
    }
}

//! Sizes, times and rates, in the units of the broker's own config.

use std::time::Duration;

use serde::Deserialize;

/// Bytes: `512`, `64KiB`, `1MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "Written")]
pub struct Size(pub u64);

/// A time: `500ms`, `10s`, `2m`, `3h`, `7d`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Period(pub Duration);

/// So many, or so many bytes, in a time: `100/s`, `1000/m`, `64KiB/s`. Never 0.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Rate {
    /// At least 1.
    pub amount: u64,
    /// A second, minute, hour or day.
    pub per: Duration,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

const SIZES: [(&str, u64); 4] = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// In milliseconds.
const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl TryFrom<Written> for Size {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        const WANTED: &str = "a size is written as 512, 64KiB, 1MiB or 2GiB";
        match written {
            Written::Number(bytes) => Ok(Size(bytes)),
            Written::Text(text) => {
                scaled(&text, &SIZES).map(Size).ok_or_else(|| format!("{text:?}: {WANTED}"))
            }
            Written::Other(_) => Err(WANTED.to_owned()),
        }
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let milliseconds = scaled(&text, &TIMES);
        milliseconds
            .map(|it| Period(Duration::from_millis(it)))
            .ok_or_else(|| format!("{text:?}: a time is written as 500ms, 10s, 2m, 3h or 7d"))
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let rate = || {
            let (amount, per) = text.split_once('/')?;
            let amount = scaled(amount, &SIZES).filter(|amount| *amount > 0)?;
            let (_, per) = TIMES.iter().find(|(name, _)| *name == per && *name != "ms")?;
            Some(Rate { amount, per: Duration::from_millis(*per) })
        };
        rate()
            .ok_or_else(|| format!("{text:?}: a rate is written as 100/s, 64KiB/s, 1000/m or 5/h"))
    }
}

/// `64KiB` to 65536. Nothing if the unit is unknown or the number does not fit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at)?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn sizes() {
        for (json, bytes) in
            [("512", 512), ("\"512\"", 512), ("\"64KiB\"", 65_536), ("\"2GiB\"", 2 << 30)]
        {
            assert_eq!(read(json), Ok(Size(bytes)), "{json}");
        }
        for json in ["-1", "1.5", "\"1MB\"", "\"\"", "\"KiB\"", "true", "\"99999999999GiB\""] {
            let error = read::<Size>(json).unwrap_err();
            assert!(error.contains("a size is written as 512, 64KiB"), "{error}");
        }
    }

    #[test]
    fn times() {
        for (json, seconds) in
            [("\"2000ms\"", 2), ("\"10s\"", 10), ("\"2m\"", 120), ("\"1d\"", 86_400)]
        {
            assert_eq!(read(json), Ok(Period(Duration::from_secs(seconds))), "{json}");
        }
        for json in ["\"10\"", "\"s\"", "\"-1s\"", "\"1 s\"", "\"1w\""] {
            let error = read::<Period>(json).unwrap_err();
            assert!(error.contains("a time is written as 500ms, 10s"), "{error}");
        }
    }

    #[test]
    fn rates() {
        let rate = |amount, per| Ok(Rate { amount, per: Duration::from_secs(per) });
        for (json, expected) in [
            ("\"100/s\"", rate(100, 1)),
            ("\"64KiB/s\"", rate(65_536, 1)),
            ("\"1000/m\"", rate(1000, 60)),
            ("\"5/h\"", rate(5, 3600)),
        ] {
            assert_eq!(read(json), expected, "{json}");
        }
        for json in ["\"100\"", "\"0/s\"", "\"1/ms\"", "\"/s\"", "\"1.5/s\"", "\"1/week\""] {
            let error = read::<Rate>(json).unwrap_err();
            assert!(error.contains("a rate is written as 100/s"), "{error}");
        }
    }
}

//! Numbers as people read them.

/// With a comma every three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in microseconds, with a unit and three digits that count.
pub(crate) fn time(microseconds: f64) -> String {
    match microseconds {
        time if time < 1e3 => format!("{} µs", three_digits(time)),
        time if time < 1e6 => format!("{} ms", three_digits(time / 1e3)),
        time => format!("{} s", three_digits(time / 1e6)),
    }
}

/// Memory, in KiB.
pub(crate) fn memory(kibibytes: u64) -> String {
    match kibibytes {
        0..10_240 => format!("{kibibytes} KiB"),
        _ => format!("{:.1} MiB", kibibytes as f64 / 1024.0),
    }
}

fn three_digits(number: f64) -> String {
    match number {
        number if number < 10.0 => format!("{number:.2}"),
        number if number < 100.0 => format!("{number:.1}"),
        number => format!("{number:.0}"),
    }
}

/// One of something, or more.
pub(crate) fn several(number: u32, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number.into()))
}

#[cfg(test)]
mod tests {
    use super::{count, memory, several, time};

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let times = [0.5, 12.34, 999.0, 1234.0, 600e6];
        assert_eq!(times.map(time), ["0.50 µs", "12.3 µs", "999 µs", "1.23 ms", "600 s"]);
        assert_eq!((memory(512), memory(20_480)), ("512 KiB".into(), "20.0 MiB".into()));
        assert_eq!(
            (several(1, "client"), several(2000, "client")),
            ("1 client".into(), "2,000 clients".into())
        );
    }
}

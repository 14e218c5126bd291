//! Plots as SVG, plain enough to be read as text: bars, and curves over a logarithmic axis.

use std::fmt::Write;

/// One line or one group of bars: a name, and values.
pub(crate) struct Series {
    pub(crate) name: String,
    /// At which place, and how much.
    pub(crate) values: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 110.0;
/// Told apart by people who do not see all colours too.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// For each label a bar of each series, whose values stand at 0, 1, 2 and so on, drawn against the longest one
/// of the label: what differs by orders of magnitude is in one plot.
pub(crate) fn bars(title: &str, labels: &[&str], series: &[Series]) -> String {
    let (bar, gap, top) = (16.0, 12.0, 40.0);
    let group = bar * series.len() as f64 + gap;
    let height = top + group * labels.len() as f64 + 10.0;
    let mut svg = begin(title, height);
    for (index, label) in labels.iter().enumerate() {
        let at = |series: &Series| {
            let found = series.values.iter().find(|(place, _)| *place == index as f64);
            found.map_or(0.0, |(_, value)| *value)
        };
        let most = series.iter().map(at).fold(f64::MIN_POSITIVE, f64::max);
        let y = top + group * index as f64;
        let middle = y + bar * series.len() as f64 / 2.0 + 4.0;
        text(&mut svg, LEFT - 8.0, middle, "end", label);
        for (row, series) in series.iter().enumerate() {
            let (value, y) = (at(series), y + bar * row as f64);
            let width = (WIDTH - LEFT - RIGHT - 60.0) * value / most;
            let colour = colour(row);
            let height = bar - 2.0;
            let _ = writeln!(
                svg,
                r#"<rect x="{LEFT}" y="{y:.0}" width="{width:.1}" height="{height}" fill="{colour}"/>"#
            );
            let said = format!("{} {}", number(value), series.name);
            text(&mut svg, LEFT + width + 4.0, y + bar - 4.0, "start", &said);
        }
    }
    svg + "</svg>\n"
}

/// A line for each series; the places grow by powers of ten.
pub(crate) fn curves(title: &str, axis: &str, series: &[Series]) -> String {
    let (height, top, bottom) = (320.0, 40.0, 270.0);
    let points = || series.iter().flat_map(|series| &series.values);
    let most = points().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let first = points().map(|(place, _)| *place).fold(f64::INFINITY, f64::min);
    let last = points().map(|(place, _)| *place).fold(first, f64::max);
    let span = (last / first).log10().max(f64::MIN_POSITIVE);
    let x = |place: f64| 70.0 + (WIDTH - 70.0 - RIGHT) * (place / first).log10() / span;
    let y = |value: f64| bottom - (bottom - top) * value / most;
    let mut svg = begin(title, height);
    for part in [0.0, 0.5, 1.0] {
        let (value, right) = (most * part, WIDTH - RIGHT);
        let y = y(value);
        let _ = writeln!(
            svg,
            r##"<line x1="70" y1="{y:.0}" x2="{right}" y2="{y:.0}" stroke="#ccc"/>"##
        );
        text(&mut svg, 64.0, y + 4.0, "end", &number(value));
    }
    let mut places: Vec<f64> = points().map(|(place, _)| *place).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    for place in places {
        text(&mut svg, x(place), bottom + 18.0, "middle", &number(place));
    }
    text(&mut svg, (70.0 + WIDTH - RIGHT) / 2.0, bottom + 38.0, "middle", axis);
    for (index, series) in series.iter().enumerate() {
        let points: Vec<String> = series
            .values
            .iter()
            .map(|(place, value)| format!("{:.1},{:.1}", x(*place), y(*value)))
            .collect();
        let (points, colour) = (points.join(" "), colour(index));
        let _ = writeln!(
            svg,
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>"#
        );
        if let Some((place, value)) = series.values.last() {
            text(&mut svg, x(*place) + 6.0, y(*value) + 4.0, "start", &series.name);
        }
    }
    svg + "</svg>\n"
}

fn begin(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let _ = writeln!(svg, r#"<text x="10" y="20" font-size="14">{}</text>"#, escaped(title));
    svg
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(svg, r#"<text x="{x:.0}" y="{y:.0}" text-anchor="{anchor}">{text}</text>"#);
}

fn colour(index: usize) -> &'static str {
    COLOURS.iter().cycle().nth(index).copied().unwrap_or("black")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// With three digits that count.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value >= 1e7 => format!("{:.1} M", value / 1e6),
        value if value >= 1e6 => format!("{:.2} M", value / 1e6),
        value if value >= 1e5 => format!("{:.0} k", value / 1e3),
        value if value >= 1e4 => format!("{:.1} k", value / 1e3),
        value if value >= 10.0 || value == value.round() => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Series, bars, curves, number};

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [0.0, 0.0234, 1.234, 40.0, 999.4, 12_345.0, 234_567.0, 1_234_567.0, 2.3e7];
        let expected = ["0", "0.023", "1.23", "40", "999", "12.3 k", "235 k", "1.23 M", "23.0 M"];
        assert_eq!(numbers.map(number), expected);
    }

    #[test]
    fn plots_show_every_series_at_every_place() {
        let series = |name: &str, values: &[(f64, f64)]| Series {
            name: name.to_owned(),
            values: values.to_vec(),
        };
        let both =
            [series("a&b", &[(0.0, 5.0), (1.0, 2.0)]), series("c", &[(0.0, 10.0), (1.0, 1.0)])];
        let svg = bars("t", &["one", "two"], &both);
        assert_eq!(svg.matches("fill=\"#").count(), 4, "{svg}");
        assert!(svg.contains("5 a&amp;b") && svg.contains(">two<"), "{svg}");

        let both =
            [series("a", &[(1.0, 5.0), (10.0, 2.0)]), series("b", &[(1.0, 1.0), (100.0, 9.0)])];
        let svg = curves("t", "subscribers", &both);
        assert_eq!(svg.matches("<polyline").count(), 2);
        // The first place is at the left, the largest value at the top.
        assert!(svg.contains("points=\"70.0,") && svg.contains(",40.0\""), "{svg}");
    }
}

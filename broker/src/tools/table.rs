//! Tables for people, with columns as wide as what is in them.

use super::say;

/// Prints rows, the first of which is the head. Cells that are numbers stand at the right.
pub(crate) fn print(rows: &[impl AsRef<[String]>]) {
    let rows = || rows.iter().map(AsRef::as_ref);
    let mut widths = vec![0; rows().map(<[_]>::len).max().unwrap_or_default()];
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| match is_number(cell) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        say(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit()) && cell.chars().all(|c| c.is_ascii_digit())
}

//! Table and plot of the victim's latencies.

use super::Row;
use std::fmt::Write;

/// Height of a row of the plot.
const ROW: usize = 18;
/// Width of the names, and of the plot beside them.
const NAMES: f64 = 300.0;
const WIDTH: f64 = 600.0;
/// Lowest and highest latency of the plot in milliseconds, on a logarithmic scale.
const RANGE: (f64, f64) = (0.1, 100.0);

/// Formats all rows as a table.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:>5} {:<32} {:>8} {:>8} {:>8} {:>6} {:>14} {:>8}\n",
        "rate", "beside", "p50 ms", "p99 ms", "p99.9", "errors", "aggressors/s", "RSS MiB"
    );
    for row in rows {
        let victim = row.victim;
        writeln!(
            text,
            "{:>5} {:<32} {:>8.2} {:>8.2} {:>8.2} {:>6} {:>14.0} {:>8.0}",
            row.rate,
            row.beside,
            victim.p50,
            victim.p99,
            victim.p999,
            victim.errors,
            row.aggressors_rate,
            row.resident_mib
        )
        .unwrap();
    }
    text
}

/// Draws p50, p99 and p99.9 of all rows.
pub(super) fn svg(rows: &[Row]) -> String {
    let height = (rows.len() + 3) * ROW;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"14\">Latency of the victim: p50 (blue), p99 (orange), p99.9 (red)</text>\n",
        NAMES + WIDTH + 20.0
    );
    for milliseconds in [0.1, 1.0, 10.0, 100.0] {
        let x = place(milliseconds);
        writeln!(
            text,
            "<line x1=\"{x:.0}\" x2=\"{x:.0}\" y1=\"{ROW}\" y2=\"{}\" stroke=\"#ccc\"/><text x=\"{x:.0}\" y=\"{}\">{milliseconds} ms</text>",
            height - 2 * ROW, height - ROW
        )
        .unwrap();
    }
    for (number, row) in rows.iter().enumerate() {
        let y = (number + 2) * ROW;
        writeln!(
            text,
            "<text x=\"8\" y=\"{}\">{}/s, {}</text>",
            y + 4,
            row.rate,
            row.beside
        )
        .unwrap();
        for (milliseconds, color) in [
            (row.victim.p50, "#1f77b4"),
            (row.victim.p99, "#ff7f0e"),
            (row.victim.p999, "#d62728"),
        ] {
            writeln!(
                text,
                "<circle cx=\"{:.0}\" cy=\"{y}\" r=\"5\" fill=\"{color}\"/>",
                place(milliseconds)
            )
            .unwrap();
        }
    }
    text + "</svg>\n"
}

fn place(milliseconds: f64) -> f64 {
    let (low, high) = RANGE;
    let part = (milliseconds.clamp(low, high) / low).ln() / (high / low).ln();
    NAMES + part * WIDTH
}
